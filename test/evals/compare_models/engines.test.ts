import { beforeEach, describe, expect, test, vi } from 'vitest';
import { engineNotes, planEngines } from '../../../evals/compare_models/engines.js';

const found = vi.hoisted(() => ({ native: null as string | null, onnx: null as string | null }));
vi.mock('../../../src/native_check.js', () => ({ nativeProblem: () => found.native }));
vi.mock('../../../src/onnx_check.js', () => ({ DEVICES: ['cpu', 'webgpu', 'cuda'], onnxProblem: () => found.onnx }));
beforeEach(() => {
  found.native = null;
  found.onnx = null;
});

type Given = Partial<Parameters<typeof planEngines>[0]>;
const flagsOf = (given: Given) => ({ models: ['BSBR'], device: 'cpu' as const, peer: [], ...given });
const plan = (given: Given) => planEngines(flagsOf(given), (name) => ({ name, model: name, options: {} }));
const notes = (given: Given) => engineNotes(flagsOf(given));
const pairsOf = (given: Given) => plan(given).pairs.map(({ row, engine }) => `${row.name}@${engine}`);
const idsOf = (given: Given) => plan(given).engines.map(({ id }) => id);

const TORCH = "torch=python3 'my peer.py' --mode compile";

describe('engines', () => {
  test('are the best of ours unless they are asked for', () => {
    expect(pairsOf({})).toEqual(['BSBR@tensorflow']);
    expect(notes({})).toEqual([]);
  });
  test('are onnx where tensorflow cannot be loaded, and the reason is said', () => {
    found.native = 'no compiler; to get it: x';
    expect(pairsOf({})).toEqual(['BSBR@onnx']);
    expect(notes({})).toEqual([
      'warning: onnx is used, whose times are not comparable with tensorflow: tensorflow cannot be loaded: no compiler; to get it: x',
    ]);
    expect(() => plan({ engines: ['wasm', 'tensorflow-eager'] })).toThrow(
      '--engines: tensorflow-eager cannot be loaded: no compiler; to get it: x',
    );
    for (const asked of [{ engines: ['wasm'] }, { models: ['BSBR@wasm'] }]) expect(notes(asked)).toEqual([]);
  });
  test('are wasm where nothing else can be loaded, and both reasons are said', () => {
    found.native = 'no compiler';
    found.onnx = 'no library';
    expect(pairsOf({})).toEqual(['BSBR@wasm']);
    expect(notes({})).toEqual([
      'warning: wasm is used, whose times are not comparable with tensorflow: tensorflow cannot be loaded: no compiler; onnx cannot be loaded: no library',
    ]);
    expect(() => plan({ engines: ['onnx'] })).toThrow('--engines: onnx cannot be loaded: no library');
  });
  test('of another device are told it, beside those that have none', () => {
    expect(pairsOf({ device: 'webgpu' })).toEqual(['BSBR@onnx']);
    const { engines } = plan({ device: 'webgpu', engines: ['tensorflow', 'onnx'] });
    expect(engines.map(({ program }) => program.at(-1))).toEqual(['cpu', 'webgpu']);
    expect(notes({ device: 'webgpu' })).toEqual([]);
    expect(() => plan({ device: 'cuda', engines: ['tensorflow', 'wasm'] })).toThrow(
      '--device: cuda needs an engine that has it, such as onnx, got tensorflow, wasm',
    );
    found.onnx = 'no library';
    expect(() => plan({ device: 'webgpu' })).toThrow('--engines: onnx cannot be loaded: no library');
  });
  test('run all models each, in the order in which models and they were asked for', () => {
    expect(pairsOf({ models: ['BSBR', 'Softmax'], engines: ['wasm,tensorflow', 'wasm'] })).toEqual([
      ...['BSBR@wasm', 'BSBR@tensorflow', 'Softmax@wasm', 'Softmax@tensorflow'],
    ]);
  });
  test('of a MODEL@ENGINE are that one alone, expressions and all models too', () => {
    expect(pairsOf({ models: ['BSBR(chunk_size=8,compression_factor=1)@wasm,DeltaNet', 'DeltaNet@wasm'] })).toEqual([
      ...['BSBR(chunk_size=8,compression_factor=1)@wasm', 'DeltaNet@tensorflow', 'DeltaNet@wasm'],
    ]);
    expect(new Set(pairsOf({ models: ['all@wasm'] }).map((pair) => pair.split('@')[1]))).toEqual(new Set(['wasm']));
    expect(pairsOf({ models: ['quadratic@wasm'] })).toEqual(['BSBR@wasm', 'Softmax@wasm']);
  });
  test('that are none are refused with the nearest, peers among them', () => {
    expect(() => plan({ engines: ['tensorflow-egaer'] })).toThrow(
      '--engines: no engine is called tensorflow-egaer; did you mean tensorflow-eager? (auto, tensorflow, tensorflow-eager, onnx, onnx:op, browser, wasm)',
    );
    expect(() => plan({ models: ['BSBR@troch'], peer: [TORCH] })).toThrow('called troch; did you mean torch?');
    expect(() => plan({ models: ['BSBR@'] })).toThrow("no engine is called ''");
    expect(() => plan({ models: ['BSBR@wsam'] })).toThrow(
      '--models: BSBR@wsam: no engine is called wsam; did you mean wasm?',
    );
  });
});

describe("a peer is an engine of someone else's", () => {
  test('beside ours, which come first, and a shell reads its command', () => {
    expect(pairsOf({ peer: [TORCH] })).toEqual(['BSBR@tensorflow', 'BSBR@torch']);
    const { engines } = plan({ models: ['BSBR@torch', 'BSBR@wasm'], peer: [TORCH] });
    expect(engines.map(({ id, command }) => ({ id, command }))).toEqual([
      { id: 'wasm', command: null },
      { id: 'torch', command: "python3 'my peer.py' --mode compile" },
    ]);
  });
  test('given twice is one: a resumed run may name it again', () => {
    expect(idsOf({ peer: [TORCH, TORCH] })).toEqual(['tensorflow', 'torch']);
    expect(() => plan({ peer: [TORCH, 'torch=other'] })).toThrow('--peer: torch: must be one command, got ');
  });
  test.each(['torch', 'torch=', '=x', 'a b=x', ''])('needs a name and a command: %j', (word) => {
    expect(() => plan({ peer: [word] })).toThrow("--peer: must be NAME='COMMAND', got ");
  });
  test.each(['wasm', 'auto'])('cannot be called %s', (name) => {
    expect(() => plan({ peer: [`${name}=x`] })).toThrow(
      `--peer: must have a name that no engine of ours has, got ${name}`,
    );
  });
});

describe('--backend and --mode', () => {
  test.each([
    [{ backend: 'auto' }, ['tensorflow']],
    [{ backend: 'wasm' }, ['wasm']],
    [{ mode: 'eager' }, ['tensorflow-eager']],
    [{ mode: 'compiled' }, ['tensorflow']],
    [{ mode: 'both' }, ['tensorflow-eager', 'tensorflow']],
    [{ backend: 'wasm', mode: 'eager' }, ['wasm']],
    [{ backend: 'tensorflow', mode: 'auto' }, ['tensorflow']],
  ] as const)('%j are still understood, as %j', (old, ids) => {
    expect(idsOf(old)).toEqual(ids);
  });
  test('say in a line what they are now', () => {
    expect(notes({ backend: 'tensorflow', mode: 'both' })).toEqual([
      '--backend tensorflow --mode both is now --engines tensorflow-eager tensorflow',
    ]);
  });
  test('cannot contradict --engines, nor each other', () => {
    expect(() => plan({ backend: 'wasm', engines: ['wasm'] })).toThrow(
      '--backend wasm: --engines says it all, got both',
    );
    expect(() => plan({ backend: 'wasm', mode: 'both' })).toThrow('--mode: both needs tensorflow, got --backend wasm');
  });
  test('ask for what this machine has', () => {
    found.native = 'no compiler';
    expect(idsOf({ mode: 'eager' })).toEqual(['wasm']);
    expect(() => plan({ mode: 'compiled' })).toThrow('--mode compiled: tensorflow cannot be loaded: no compiler');
  });
});
