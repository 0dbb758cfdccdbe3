import { describe, expect, test } from 'vitest';
import { flagsOf, narrowed } from '../../../evals/compare_models/rerun.js';
import { makeResults } from '../../support/make_results.js';

/** A file whose cells are of these models on these engines. */
function resultsOf(places: readonly (readonly [model: string, engine: string])[], argv: readonly string[] = []) {
  const file = makeResults({ BSBR: { 128: [1] } });
  const cells = places.flatMap(([model, engine]) => file.cells.map((cell) => ({ ...cell, model, engine })));
  return { ...file, cells, tool: { ...file.tool, argv: [...argv] } };
}
const valuesOf = (flags: readonly string[], flag: string): string[] => {
  const rest = flags.slice(flags.indexOf(flag) + 1);
  const end = rest.findIndex((word) => word.startsWith('--'));
  return flags.includes(flag) ? rest.slice(0, end < 0 ? rest.length : end) : [];
};

const TORCH = "torch=python3 'my peer.py'";
const VARIANT = 'BSBR(chunk_size=64,compression_factor=4)';

describe('the flags of a run', () => {
  test('name models and engines apart where all ran on all', () => {
    const places = ['BSBR', VARIANT].flatMap((model) =>
      ['wasm', 'tensorflow'].map((engine) => [model, engine] as const),
    );
    const flags = flagsOf(resultsOf(places));
    expect(valuesOf(flags, '--models')).toEqual(['BSBR', VARIANT]);
    expect(valuesOf(flags, '--engines')).toEqual(['tensorflow', 'wasm']);
  });
  test('have the peers with their commands, which are no --engines', () => {
    const places = [
      ['BSBR', 'wasm'],
      ['BSBR', 'torch'],
    ] as const;
    for (const argv of [['--peer', TORCH], [`--peer=${TORCH}`]]) {
      const flags = flagsOf(resultsOf(places, argv));
      expect(valuesOf(flags, '--engines')).toEqual(['wasm']);
      expect(valuesOf(flags, '--peer')).toEqual([TORCH]);
    }
  });
  test('have the device, the last where a resumed run named it again', () => {
    const argv = ['--device', 'cuda', '--device=webgpu'];
    expect(valuesOf(flagsOf(resultsOf([['BSBR', 'onnx']], argv)), '--device')).toEqual(['webgpu']);
    expect(flagsOf(resultsOf([['BSBR', 'onnx']]))).not.toContain('--device');
  });
  test('name each model where it ran, where not all did on all', () => {
    const flags = flagsOf(
      resultsOf([
        ['BSBR', 'tensorflow'],
        ['Softmax', 'wasm'],
      ]),
    );
    expect(valuesOf(flags, '--models')).toEqual(['BSBR@tensorflow', 'Softmax@wasm']);
    expect(flags).not.toContain('--engines');
  });
  test('of a peer alone do not bring in an engine of ours', () => {
    const flags = flagsOf(resultsOf([['BSBR', 'torch']], ['--peer', TORCH]));
    expect(valuesOf(flags, '--models')).toEqual(['BSBR@torch']);
  });
});

test('flags that say where a model runs are narrowed to where the cells ran', () => {
  const cells = [{ model: 'Softmax', phase: 'decode', n: 128, engine: 'wasm' }] as const;
  const narrow = (...models: string[]) => valuesOf(narrowed(['--models', ...models, '--quick'], cells), '--models');
  expect(narrow('BSBR', 'Softmax@wasm')).toEqual(['Softmax@wasm']);
  expect(narrow('BSBR', 'Softmax')).toEqual(['Softmax']); // as an older checkout understands it
});
