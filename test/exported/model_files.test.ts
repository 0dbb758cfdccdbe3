import { describe, expect, test } from 'vitest';
import { parseFixture } from '../../src/bench/measure/fixture.js';
import { PARITY_TOLERANCE, parityOf } from '../../src/bench/measure/parity.js';
import { selfCheck } from '../../src/bench/measure/self_check.js';
import { checkedLengths } from '../../src/bench/protocol/plan.js';
import { modelFiles } from '../../src/exported/model_files.js';
import { createModel, MODEL_NAMES, ownOptions } from '../../src/models/registry.js';
import { randomWeights } from '../../src/models/weights.js';
import * as tf from '../../src/tf.js';
import { disposeTree } from '../../src/tree.js';
import { exportedWalker } from '../support/exported_model.js';
import { GOLDEN_FILES, goldenBytes } from '../support/golden_files.js';
import { modelOf, randomIds, SMALL } from '../support/session.js';

await tf.initBackend('wasm');

/** The longer ones take many lengths, each an export of its own, and show nothing more. */
const MOST_TOKENS = 8;
const SHORT = GOLDEN_FILES.filter((file) => parseFixture(goldenBytes(file), file).tokens <= MOST_TOKENS);

describe('exported files, run by onnxruntime-node as their page says', () => {
  test.each(SHORT)('%s: give the logits of the golden file, on both paths', async (file) => {
    const fixture = parseFixture(goldenBytes(file), file);
    const { model: name, shape, options, batch } = fixture;
    const model = await createModel(name, shape, ownOptions(name, options));
    const params = model.init(fixture.weights);
    const walker = exportedWalker(model, (n, most) => modelFiles(model, params, { n, batch, most }));
    const { prefill, steps } = await parityOf(walker, fixture);
    expect(prefill.ratio).toBeLessThan(PARITY_TOLERANCE);
    expect(steps.ratio).toBeLessThan(PARITY_TOLERANCE);
    disposeTree(params);
  });

  test.each(MODEL_NAMES)('of %s pass the self-check, over the ends of periods, with two rows', async (name) => {
    const { numTensors } = tf.memory();
    const model = await modelOf(name, SMALL);
    const params = model.init(randomWeights(1));
    const walker = exportedWalker(model, (n, most) => modelFiles(model, params, { n, batch: 2, most }));
    await selfCheck(walker, randomIds(2, checkedLengths(model.period)[3]));
    disposeTree(params);
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});

describe('files of a model', () => {
  const exported = async (name: string, n: number, most: number) => {
    const model = await modelOf(name, SMALL);
    const params = model.init(randomWeights(1));
    try {
      return modelFiles(model, params, { n, batch: 1, most });
    } finally {
      disposeTree(params);
    }
  };

  test.each([
    ['LinearTransformer', 3, 9, ['model.json', 'prefill.onnx', 'step.onnx', 'weights.bin']],
    ['BSBR', 3, 7, ['model.json', 'prefill.onnx', 'step.onnx', 'weights.bin']],
    ['BSBR', 3, 9, ['model.json', 'prefill.onnx', 'step.onnx', 'step_8.onnx', 'weights.bin']],
    ['Softmax', 127, 128, ['model.json', 'prefill.onnx', 'step_128.onnx', 'weights.bin']],
    ['DeltaNet', 5, 5, ['model.json', 'prefill.onnx', 'weights.bin']],
  ])('%s from %i to %i tokens: a step of each kind that is taken', async (name, n, most, files) => {
    expect([...(await exported(name, n, most)).files.keys()]).toEqual(files);
  });

  test('share their weights', async () => {
    const both = (await exported('LinearTransformer', 3, 4)).files.get('weights.bin')?.length ?? 0;
    const prefill = (await exported('LinearTransformer', 3, 3)).files.get('weights.bin')?.length ?? 0;
    expect(both).toBe(prefill);
  });

  test('feed the next step with all that it takes, but for what stays as it was', async () => {
    const { page } = await exported('BSBR', 3, 9);
    const fed = new Set(page.prefill.outputs.map(({ feeds }) => feeds));
    for (const { inputs } of page.steps) for (const { name } of inputs) expect(fed).toContain(name);
    const [step, closing] = page.steps.map(({ outputs }) => outputs.flatMap(({ feeds }) => feeds ?? []));
    expect(step).not.toContain('state.0.bank.k');
    expect(closing).toContain('state.0.bank.k');
  });

  test('without room for the prompt there are none', async () => {
    await expect(exported('BSBR', 9, 8)).rejects.toThrow(
      'export: there must be room for the prompt of 9 tokens, got 8',
    );
  });
});
