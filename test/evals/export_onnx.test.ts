import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeExport } from '../../evals/export_onnx/folder.js';
import { main } from '../../evals/export_onnx.js';
import { createModel } from '../../src/models/registry.js';
import { formatSafeTensors, type StoredTensor } from '../../src/models/safetensors.js';
import { noted, randomWeights } from '../../src/models/weights.js';
import * as tf from '../../src/tf.js';
import { disposeTree } from '../../src/tree.js';
import { runMain } from '../support/run_main.js';
import { temporaryFolder } from '../support/temporary.js';

const SHAPE = { vocabSize: 50, hiddenDim: 16, numLayers: 1, numHeads: 2, ffDim: 24 };
const SIZES = ['--vocab_size', '50', '--hidden_dim', '16', '--num_layers', '1', '--num_heads', '2', '--ff_dim', '24'];
const exportOnnx = (...argv: string[]) => runMain(main, [...argv, ...SIZES, '--n', '7', '--n_tokens', '4']);

/** Greedy tokens after the prompt of the example. */
async function tokensOf(name: string, seed: number, count: number): Promise<number[]> {
  const model = await createModel(name, SHAPE);
  const params = model.init(randomWeights(seed));
  const prompt = tf.tensor2d(
    Int32Array.from({ length: 7 }, (_, i) => (31 * i) % 50),
    [1, 7],
    'int32',
  );
  const { logits, state } = model.prefill(params, prompt);
  const first = tf.tidy(() => tf.cast(tf.argMax(logits, -1), 'int32') as tf.Tensor1D);
  const after = model.decode(params, state, first, count - 1);
  const tokens = [...first.dataSync(), ...after.tokens.dataSync()];
  disposeTree([params, prompt, logits, state, first, after.tokens, after.state]);
  return tokens;
}

describe('export-onnx', () => {
  test('writes files, and prints JavaScript that runs them: the tokens are those of the model, with the weights of a file', async () => {
    const folder = temporaryFolder();
    const read = new Map<string, StoredTensor>();
    await tf.initBackend('wasm');
    disposeTree((await createModel('DeltaNet', SHAPE)).init(noted(randomWeights(5), read)));
    const weights = join(folder, 'w.safetensors');
    writeFileSync(weights, formatSafeTensors(read));
    const out = join(folder, 'out');
    const { code, stdout, stderr } = await exportOnnx('deltanet', '--weights', weights, '--output_dir', out);
    expect([code, readdirSync(out).sort()]).toEqual([0, ['model.json', 'prefill.onnx', 'step.onnx', 'weights.bin']]);
    expect(stderr).toContain(`wrote ${join(out, 'weights.bin')}`);
    // where a clone has its modules
    const script = join(import.meta.dirname, `../../node_modules/.export-${process.pid}.mjs`);
    writeFileSync(script, stdout);
    try {
      const printed = execFileSync(process.execPath, [script], { encoding: 'utf8' });
      expect(printed.trim().split('\n').map(Number)).toEqual(await tokensOf('DeltaNet', 5, 5));
    } finally {
      rmSync(script);
    }
    expect(stdout.trim().split('\n').length).toBeLessThanOrEqual(13);
  });

  test.each([
    [['deltanat'], 'model: no model is called deltanat; did you mean DeltaNet?'],
    [['BSBR(chunk=3)'], 'model: BSBR'],
    [['BSBR', '--n', '0'], '--n: must be a whole number of at least 1, got 0'],
    [['BSBR', '--num_heads', '3'], '--hidden_dim: must be divisible by --num_heads (3), got 16'],
    [
      ['BSBR', '--weights', '/nowhere/w.safetensors'],
      '--weights: must be a file that can be read, got /nowhere/w.safetensors',
    ],
    [
      ['BSBR', '--output_dir', '/dev/null/out'],
      '--output_dir: must be a folder that can be written, got /dev/null/out',
    ],
    [[], "missing required argument 'model'"],
  ])('%j is refused in a line', async (argv, message) => {
    const { code, stdout, stderr } = await runMain(main, [...SIZES, '--output_dir', '/dev/null/x', ...argv]);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(`error: ${message}`);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  test('weights of another shape are refused by name, and nothing is written', async () => {
    const folder = temporaryFolder();
    const weights = new URL('../fixtures/delta-t5.safetensors', import.meta.url).pathname;
    const { code, stderr } = await exportOnnx('DeltaNet', '--weights', weights, '--output_dir', join(folder, 'out'));
    expect(code).toBe(2);
    expect(stderr).toMatch(/embedding\.weight must be \[50,16\], got \[/);
    expect(readdirSync(join(folder, 'out'))).toEqual([]);
  });
});

describe('the folder of an export', () => {
  const files = (...names: string[]) => new Map(names.map((name) => [name, Buffer.from(`new ${name}`)]));
  const OLD = ['model.json', 'prefill.onnx', 'step.onnx', 'step_8.onnx', 'weights.bin'];

  test('holds the new one alone, and what is not of an export', () => {
    const folder = temporaryFolder();
    const out = join(folder, 'out');
    mkdirSync(out);
    for (const name of [...OLD, 'notes.txt']) writeFileSync(join(out, name), 'old');
    writeExport(out, files('model.json', 'prefill.onnx', 'weights.bin'));
    expect(readdirSync(out).sort()).toEqual(['model.json', 'notes.txt', 'prefill.onnx', 'weights.bin']);
    expect(readFileSync(join(out, 'weights.bin'), 'utf8')).toBe('new weights.bin');
    expect(readFileSync(join(out, 'notes.txt'), 'utf8')).toBe('old');
  });

  test('keeps the older one whole where the new one cannot be written', () => {
    const folder = temporaryFolder();
    const out = join(folder, 'out');
    mkdirSync(out);
    for (const name of OLD) writeFileSync(join(out, name), 'old');
    const bad = files('model.json', 'prefill.onnx', 'no/such/folder.bin');
    expect(() => writeExport(out, bad)).toThrow(`--output_dir: ${out} cannot be written (`);
    expect(readdirSync(out).sort()).toEqual(OLD);
    for (const name of OLD) expect(readFileSync(join(out, name), 'utf8')).toBe('old');
  });
});
