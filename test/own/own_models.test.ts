/** Models of one's own as people use them: `compare-models --model`, `check-laws`, `attnscale/models`. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelPage } from '../../src/exported/model_files.js';
import type { Results } from '../../src/results/schema.js';
import { type Build, build } from '../support/built.js';
import { goldenBytes, ofModel } from '../support/golden_files.js';
import { temporaryFolder } from '../support/temporary.js';

let built: Build;
beforeAll(() => {
  built = build();
}, 120_000);
afterAll(() => built[Symbol.dispose]());

const ROOT = join(import.meta.dirname, '../..');
const EXAMPLE = join(ROOT, 'examples/retention.js');
const TEMPLATE = readFileSync(join(ROOT, 'examples/my_model.js'), 'utf8');
const LIMIT = 120_000;

const run = async (command: string, argv: readonly string[], cwd = temporaryFolder()) => {
  const { code, stdout, stderr } = await built.start(command, argv, cwd).ended;
  return { code, stdout, stderr };
};
/** A file outside of the clone, with no attnscale beside it. */
function fileOf(source: string, name = 'my_model.mjs'): string {
  const file = join(temporaryFolder(), name);
  writeFileSync(file, source);
  return file;
}
const checkLaws = (source: string, ...flags: string[]) => run('check_laws', [fileOf(source), ...flags]);
const changed = (from: string, to: string): string => {
  expect(TEMPLATE).toContain(from);
  return TEMPLATE.replace(from, to);
};

describe('check-laws', () => {
  test('--new writes a model that obeys all laws, once', { timeout: LIMIT }, async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'my_model.mjs');
    expect(await run('check_laws', ['--new', file])).toMatchObject({ code: 0, stderr: '' });
    expect(existsSync(file)).toBe(true);
    const again = await run('check_laws', ['--new', file]);
    expect([again.code, again.stderr]).toEqual([
      2,
      `error: --new: must be a file that is not there yet, got ${file}\n`,
    ]);
    const { code, stdout, stderr } = await run('check_laws', [file]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /^MyModel of my_model.mjs, against \d laws of all models, on wasm:\n\n(holds .*\n)+\nAll laws hold\.\n$/,
    );
  });

  test('the example obeys them, and is about a page', { timeout: LIMIT }, async () => {
    expect(await run('check_laws', [EXAMPLE])).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(EXAMPLE, 'utf8').split('\n').length).toBeLessThan(75);
  });

  test('a law that does not hold is shown with the smallest place, and the others are checked', {
    timeout: LIMIT,
  }, async () => {
    const { code, stdout } = await checkLaws(changed('tf.add(past, gated(params, x))', 'gated(params, x)'));
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /BROKEN decode equals .*\n {7}prefill of 2 tokens: must give what a prefill of 1 token and 1 steps give \(d = 8, H = 1, L = 1\), got/,
    );
    expect(stdout).toContain('holds  the seed decides the output\n');
  });

  test('what never returns is ended, and named', { timeout: LIMIT }, async () => {
    const hanging = changed('    step(params, past, x) {', '    step(params, past, x) { for (;;);');
    const [inStep, inModule] = await Promise.all([
      checkLaws(hanging, '--timeout', '6'),
      checkLaws('for (;;);', '--timeout', '6'),
    ]);
    expect(inStep.code).toBe(1);
    expect(inStep.stdout).toMatch(/BROKEN decode .*\n {7}MyModel: step: must return, got none in 6 s\n(– .*\n)+/);
    expect([inModule.code, inModule.stderr]).toEqual([
      2,
      expect.stringMatching(/^error: .*my_model.mjs: the module itself: must return, got none in 6 s\n$/),
    ]);
  });
});

describe('check-laws --engine', () => {
  test('on an engine that compiles it, what has no graph is named', { timeout: LIMIT }, async () => {
    const unknown = changed('const state = tf.add', 'tf.diag(x);\n      const state = tf.add');
    const [obeying, refused, eager] = await Promise.all([
      checkLaws(TEMPLATE, '--engine', 'onnx'),
      checkLaws(unknown, '--engine', 'onnx'),
      checkLaws(unknown),
    ]);
    expect(obeying).toMatchObject({ code: 0, stdout: expect.stringContaining(', on onnx:\n') });
    expect(refused.code).toBe(1);
    expect(refused.stdout).toMatch(/BROKEN decode .*\n {7}MyModel: step: compile: kernel Diag cannot be recorded/);
    expect(eager.code).toBe(0);
  });

  test('an engine whose states cannot be asked for is refused', { timeout: LIMIT }, async () => {
    const { code, stderr } = await checkLaws(TEMPLATE, '--engine', 'browser');
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/^error: --engine: must run models where .* got browser\n$/),
    ]);
  });
});

describe('what is no model file', () => {
  test.each<[what: string, source: () => string, message: string]>([
    ['JavaScript that cannot be read', () => 'export const = 3;', 'cannot be loaded: SyntaxError: '],
    ['one that throws', () => 'null.x;', "cannot be loaded: TypeError: Cannot read properties of null (reading 'x')"],
    ['no model', () => 'export const mix = 3;', 'must export a function mixer, or else a function model, got mix'],
    [
      'the name of ours',
      () => changed("'MyModel'", "'bsbr'"),
      "name: must be no model's of attnscale and no group's, got bsbr",
    ],
    ['a name that no expression takes', () => changed("'MyModel'", "'a+b'"), 'name: must be a word of letters, digits'],
    ['no option', () => changed('whole(1, {', '({'), 'options.scale: must be made by whole(…) or oneOf(…), got object'],
  ])('%s is refused in one line, with exit code 2', { timeout: LIMIT }, async (_, source, message) => {
    const { code, stdout, stderr } = await checkLaws(source());
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: [^\n]+\n$/);
    expect(stderr).toContain(message);
  });

  test.each([
    ['needs a file, or --new and a file', []],
    ['no such file, got none.js', ['none.js']],
    ['.: must be a file that can be read, got EISDIR: illegal operation on a directory, read', ['.']],
  ])('%s', { timeout: LIMIT }, async (message, argv) => {
    const { code, stderr } = await run('check_laws', argv);
    expect([code, stderr]).toEqual([2, `error: check-laws: ${message}\n`]);
  });

  test('a typed file runs where Node strips types, else it is said', { timeout: LIMIT }, async () => {
    const file = fileOf(TEMPLATE, 'my_model.mts');
    const { code, stderr } = await run('check_laws', [file]);
    if ('typescript' in process.features && process.features.typescript) expect(code).toBe(0);
    else expect([code, stderr]).toEqual([2, expect.stringContaining('does not strip types; take Node 22.18 or newer')]);
  });
});

describe('compare-models --model', () => {
  const SMALL = '--engines wasm --quick --seq_lengths 16 24 --exact_lengths --hidden_dim 16 --num_heads 2 --ff_dim 16';
  const flags = [...SMALL.split(' '), '--vocab_size', '32', '--n_tokens', '2', '--no_progress', '--no_pin'];

  test('measures it, variants and hybrids of it, and keeps the hash of its file', { timeout: LIMIT }, async () => {
    const folder = temporaryFolder();
    const file = fileOf(TEMPLATE);
    const models = ['MyModel', 'MyModel(scale=2)+Softmax'];
    const all = [...flags, '--model', file, '--models', ...models, '--output_dir', folder];
    expect(await run('compare_models', all)).toMatchObject({ code: 0 });
    const output = join(folder, 'comparison_results.json');
    const results: Results = JSON.parse(readFileSync(output, 'utf8'));
    const files = { MyModel: createHash('sha256').update(TEMPLATE).digest('hex') };
    expect(results.models).toMatchObject([
      { name: models[0], model: 'MyModel', options: { scale: 1 }, files },
      { name: models[1], options: { 'MyModel.scale': 2, 'Softmax.kv_heads': 2 }, files, period: 128 },
    ]);
    expect(results.cells.map(({ status }) => status)).toEqual(results.cells.map(() => 'ok'));

    expect(await run('compare_models', ['--resume', output])).toMatchObject({ code: 0 }); // its flags name the file
    writeFileSync(file, `${TEMPLATE}\n`);
    const { code, stderr } = await run('compare_models', ['--resume', output]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining(`was made with --model MyModel of ${files.MyModel}, got`),
    ]);
  });

  test('is a row beside the usual ones unless --models says them all', { timeout: LIMIT }, async () => {
    const { stdout } = await run('compare_models', ['--model', fileOf(TEMPLATE), '--dry_run']);
    expect(stdout).toMatch(/^models +BSBR LinearTransformer DeltaNet MyModel$/m);
  });

  test('one that fails is a failed row that says where, and no failed run', { timeout: LIMIT }, async () => {
    const file = fileOf(changed('const [B, T] = x.shape;', 'const [B, T] = x.size();'));
    const { code, stdout } = await run('compare_models', [...flags, '--model', file, '--models', 'MyModel', 'Softmax']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/MyModel: prefill: must not throw, got TypeError: x\.size is not a function/);
  });
});

test('check-parity --model judges it by golden files that name it', { timeout: LIMIT }, async () => {
  // What reads no token but its own is a window of one.
  const file = fileOf(`import { dense, denseParameters, recurrent, tf } from 'attnscale/models';
export const name = 'Alone';
export const mixer = ({ hiddenDim: d }) => recurrent({
  parameters: (weights) => ({ v: denseParameters(weights, ['v'], d, d), o: denseParameters(weights, ['o'], d, d) }),
  empty: (B) => tf.zeros([B, 1]),
  prefill: ({ v, o }, past, x, lastOnly) => {
    const [B, T] = x.shape;
    return { y: dense(dense(lastOnly ? tf.slice(x, [0, T - 1, 0], [B, 1, d]) : x, v), o), state: tf.clone(past) };
  },
  step: ({ v, o }, past, x) => ({ y: dense(dense(x, v), o), state: tf.clone(past) }),
  stateFloats: 1,
});
`);
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'alone.safetensors'), ofModel(goldenBytes('window-w1.safetensors'), 'Alone'));
  for (const engine of ['wasm', 'onnx']) {
    const { code, stdout } = await run('check_parity', [folder, '--model', file, '--engine', engine]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/alone\.safetensors .* Alone .* ok/)]);
  }
  const unknown = await run('check_parity', [folder]);
  expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('no model is called Alone')]);
});

test('export-onnx --model writes it and variants of it; a whole model is refused', { timeout: LIMIT }, async () => {
  const sizes = '--n 7 --n_tokens 4 --vocab_size 32 --hidden_dim 16 --num_layers 1 --num_heads 2 --ff_dim 16'.split(
    ' ',
  );
  const [folder, file] = [temporaryFolder(), fileOf(TEMPLATE)];
  const exported = await run(
    'export_onnx',
    ['MyModel(scale=2)+DeltaNet', ...sizes, '--num_layers', '2', '--model', file],
    folder,
  );
  expect(exported.code).toBe(0);
  const page: ModelPage = JSON.parse(readFileSync(join(folder, 'exported/model.json'), 'utf8'));
  expect([page.model, page.steps.length]).toEqual(['MyModel(scale=2)+DeltaNet', 1]);

  const whole = fileOf(`export const name = 'Whole';
export const model = () => ({ init: () => [], prefill() {}, step() {}, stateFloats: () => ({ inUse: 0, allocated: 0 }) });`);
  const { code, stderr } = await run('export_onnx', ['Whole', ...sizes, '--model', whole], folder);
  expect([code, stderr]).toEqual([
    2,
    'error: Whole: a whole model cannot be written to a file; export a mixer instead\n',
  ]);
});

test('attnscale/models holds what a model file needs and nothing else', { timeout: LIMIT }, () => {
  const exported = built.run(
    "import * as m from 'attnscale/models'; console.log(JSON.stringify(Object.keys(m).sort()));",
  );
  const names: string[] = JSON.parse(exported);
  for (const name of ['tf', 'recurrent', 'dense', 'denseParameters', 'splitChunks', 'whole', 'oneOf']) {
    expect(names).toContain(name);
  }
  expect(names.filter((name) => /create|init|run|load/i.test(name))).toEqual([]);
});
