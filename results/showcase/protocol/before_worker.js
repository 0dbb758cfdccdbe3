/**
 * The version before the protocol (69318d5, built, in BEFORE) as a worker that speaks it: its models, graphs, phases and
 * clock. What it answers to `run` is the second of two samples taken in one loop, as that version took them: no message
 * comes right before it.
 */
import { resourceUsage } from 'node:process';
import { createInterface } from 'node:readline';

const BEFORE = process.env.BEFORE;
const of = (file) => import(`${BEFORE}/dist/src/${file}`);
const [tf, { createModel }, { createModes }, { prepareCell }, { takeSamples }, { randomWeights, remembered }, { sizeOfTree }] =
  await Promise.all(
    ['tf.js', 'models/registry.js', 'bench/modes.js', 'bench/phases.js', 'bench/sampling.js', 'models/weights.js', 'tree.js'].map(of),
  );
const now = () => performance.now();
let modes, workload, prepared;
const subjects = new Map();
/** Two samples, by that version's loop. */
const TWO = { warmup: { minCalls: 0, minMs: 0, maxCalls: 0, maxMs: 0 }, warmSpread: 1 };

const replies = {
  async hello({ threads, thorough }) {
    await tf.initBackend('tensorflow', threads);
    modes = createModes(now, thorough);
    const engine = { runtime: 'tfjs-node', versions: { tfjs: tf.version_core }, device: 'cpu', provider: null, way: 'compiled', native_code: [], env: {} };
    return { type: 'hello', protocol: 1, engine };
  },
  async load({ name, model, options, shape, batch_size, seed }) {
    const config = {
      vocabSize: shape.vocab_size, hiddenDim: shape.hidden_dim, numLayers: shape.num_layers, numHeads: shape.num_heads, ffDim: shape.ff_dim,
      chunkSize: options.chunk_size ?? 128, compressionFactor: options.compression_factor ?? 4, retrievalNorm: options.retrieval_norm ?? 'none',
    };
    workload = { config, batchSize: batch_size, seed, promptBytes: null };
    const own = await createModel(model, config, modes.runners.compiled);
    const params = own.init(remembered(randomWeights(seed)));
    subjects.set(name, { model: own, params });
    const { head, ...rest } = params;
    return { type: 'loaded', period: null, same_weights: true, params: sizeOfTree(params), params_without_head: sizeOfTree(rest) };
  },
  check: () => ({ type: 'checked' }),
  count({ name, n }) {
    const { inUse, allocated } = subjects.get(name).model.stateFloats(n);
    return { type: 'counted', counted: { kernels: null, flops: null, bytes: null, peak_activation_bytes: null, state_bytes: 4 * inUse, state_allocated_bytes: 4 * allocated } };
  },
  prepare({ name, phase, n, n_tokens, steps }) {
    const before = modes.compileMs();
    const own = { ...workload, nTokens: n_tokens, config: { ...workload.config, ...(steps && { chunkSize: steps }) } };
    prepared = prepareCell(subjects.get(name), { model: name, phase, n, mode: 'compiled' }, own);
    prepared.timed(1);
    return { type: 'prepared', compile_ms: modes.compileMs() - before };
  },
  run({ repeats }) {
    const rules = { ...TWO, samples: { minCount: 2, minMs: 0, maxMs: 1e6 }, minSampleMs: 0 };
    const once = () => prepared.timed(repeats);
    const { samplesMs } = takeSamples(once, rules, now);
    return { type: 'ran', ms: samplesMs[1], tokens: [0] };
  },
  steps: ({ count }) => ({
    type: 'stepped',
    ms: Array.from({ length: count }, () => {
      const start = now();
      prepared.singleStep();
      return now() - start;
    }),
  }),
  release() {
    prepared.dispose();
    return { type: 'released', peak_rss_bytes: resourceUsage().maxRSS * 1024, leaked_tensors: 0 };
  },
  bye: () => ({ type: 'bye' }),
};

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);
for await (const line of createInterface({ input: process.stdin })) {
  const { id, type, ...request } = JSON.parse(line);
  let reply;
  try {
    reply = await replies[type](request);
  } catch (error) {
    reply = { type: 'failed', reason: String(error.stack) };
  }
  process.stdout.write(`${JSON.stringify({ id, ...reply })}\n`);
  if (type === 'bye') process.stdin.destroy();
}
