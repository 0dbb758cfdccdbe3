/**
 * The end of the engine `browser` that runs in a page: exported models (docs/export.md) by onnxruntime-web. A worker of ours
 * asks for what stands at the end (src/browser/browser.ts); what a call leaves behind stays here.
 */

let ort;
let provider;
const models = new Map();
/** Where the last walk is, and the cell that is timed. */
let place = null;
let cell = null;

/** Loads the runtime. @returns what it is */
async function start({ device, threads }) {
  const runtime = device === 'webgpu' ? 'ort.webgpu.min.mjs' : 'ort.wasm.min.mjs';
  ort = await import(`/onnxruntime-web/${runtime}`);
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = 'error';
  provider = device === 'webgpu' ? 'webgpu' : 'wasm';
  const adapter = provider === 'webgpu' ? await navigator.gpu?.requestAdapter() : undefined;
  if (adapter === null || (provider === 'webgpu' && !navigator.gpu))
    throw new Error('this browser has no WebGPU adapter');
  const { vendor = '', architecture = '', description = '' } = adapter?.info ?? {};
  return { version: ort.env.versions.web, adapter: description || [vendor, architecture].filter(Boolean).join(' ') };
}

/** Loads a model that lies in a folder of this site. */
async function open({ folder }) {
  const model = await (await fetch(`${folder}/model.json`)).json();
  const weights = new Uint8Array(await (await fetch(`${folder}/${model.weights}`)).arrayBuffer());
  const load = async ({ file, outputs }) => {
    const graph = new Uint8Array(await (await fetch(`${folder}/${file}`)).arrayBuffer());
    const session = await ort.InferenceSession.create(graph, {
      executionProviders: [provider],
      externalData: [{ path: model.weights, data: weights }],
      preferredOutputLocation: provider === 'webgpu' ? 'gpu-buffer' : 'cpu',
    });
    const carried = outputs.filter(({ feeds }) => feeds !== null);
    // Whoever takes the most likely token needs no logits.
    return { session, carried, names: carried.map(({ name }) => name) };
  };
  const prefill = await load(model.prefill);
  const steps = [];
  for (const step of model.steps) steps.push({ every: step.every, ...(await load(step)) });
  models.set(folder, { model, prefill, steps });
}

async function close({ folder }) {
  const loaded = models.get(folder);
  const { prefill, steps } = loaded;
  models.delete(folder);
  if (place?.loaded === loaded) {
    free(place.past);
    place = null;
  }
  for (const { session } of [prefill, ...steps]) await session.release();
}

const int32 = (values, shape) => new ort.Tensor('int32', Int32Array.from(values), shape);
const idsOf = (tokens) => int32(tokens.flat(), [tokens.length, tokens[0].length]);

/** The step after `length` tokens. */
const stepAt = ({ steps }, length) => steps.findLast(({ every }) => (length + 1) % every === 0);

/** Frees what a runtime holds outside of JavaScript, but for what others hold too. */
function free(tensors, ...others) {
  const kept = new Set(others.flatMap((other) => Object.values(other)));
  for (const tensor of Object.values(tensors)) if (!kept.has(tensor)) tensor.dispose();
}

/** What a call leaves for the next one, without logits; what it does not put out stays as it was. */
async function advance({ session, carried, names }, inputs, past) {
  const outputs = await session.run(inputs, names);
  return carriedBy(carried, outputs, past);
}

function carriedBy(carried, outputs, past) {
  const next = { ...past };
  for (const { name, feeds } of carried) next[feeds] = outputs[name];
  return next;
}

/** Greedy steps from what a call left behind, which stays as it is. @returns what they leave */
async function decode(loaded, from, length, count) {
  let past = from;
  for (let at = length; at < length + count; at++) {
    const before = past;
    past = await advance(stepAt(loaded, at), before, before);
    if (before !== from) free(before, past, from);
  }
  return past;
}

const prefillOnce = ({ prefill }, ids) => advance(prefill, { tokens: ids }, {});

/** The last tokens, known to the page. */
async function tokensOf(carried) {
  const { token } = carried;
  return Array.from(await token.getData());
}

/** Each phase as one repeat, from the same start; `models` are of prompts of one more token each where there are several. */
const PHASES = {
  async prefill([loaded], { ids }) {
    const after = await prefillOnce(loaded, ids[0]);
    const tokens = await tokensOf(after);
    free(after);
    return tokens;
  },
  async generate([loaded], { ids, n, count }) {
    const start = await prefillOnce(loaded, ids[0]);
    const after = await decode(loaded, start, n, count);
    const tokens = await tokensOf(after);
    free(after, start);
    free(start);
    return tokens;
  },
  async decode([loaded], { start, n, count }) {
    const after = await decode(loaded, start, n, count);
    const tokens = await tokensOf(after);
    free(after, start);
    return tokens;
  },
  async recompute(loadeds, { rows }) {
    let sequence = rows;
    let tokens = [];
    for (const loaded of loadeds) {
      const after = await prefillOnce(loaded, idsOf(sequence));
      tokens = await tokensOf(after);
      sequence = sequence.map((row, b) => [...row, tokens[b]]);
      free(after);
    }
    return tokens;
  },
};

/** Makes a cell ready and runs it once. */
async function prepare({ folders, phase, tokens, count }) {
  const loadeds = folders.map((folder) => models.get(folder));
  const ids = [idsOf(tokens)];
  const start = phase === 'decode' ? await prefillOnce(loadeds[0], ids[0]) : null;
  const setting = { ids, rows: tokens, n: tokens[0].length, count, start };
  cell = { loadeds, setting, repeat: () => PHASES[phase](loadeds, setting), walking: start, length: setting.n };
  await cell.repeat();
}

async function run({ repeats }) {
  let tokens = [];
  const begin = performance.now();
  for (let i = 0; i < repeats; i++) tokens = await cell.repeat();
  return { ms: performance.now() - begin, tokens };
}

/** Single steps of a decode cell, on from where the last one ended. */
async function steps({ count }) {
  const [loaded] = cell.loadeds;
  const ms = [];
  for (let i = 0; i < count; i++) {
    const past = cell.walking;
    const begin = performance.now();
    const next = await decode(loaded, past, cell.length, 1);
    await tokensOf(next);
    ms.push(performance.now() - begin);
    cell.length += 1;
    cell.walking = next;
    free(past, next, cell.setting.start);
  }
  return { ms };
}

function release() {
  if (cell === null) return; // it was not made ready
  const { walking, setting } = cell;
  if (setting.start !== null) {
    free(walking, setting.start);
    free(setting.start);
  }
  cell = null;
}

/** Prefill of a model's whole prompt, and steps by given tokens from there: with logits, for comparison. */
async function walk({ folder, tokens }) {
  const loaded = models.get(folder);
  const outputs = await loaded.prefill.session.run({ tokens: idsOf(tokens) });
  place = { loaded, past: carriedBy(loaded.prefill.carried, outputs, {}), length: tokens[0].length };
  return { logits: await outputs.logits.getData(true) };
}

async function walkOn({ token }) {
  const { loaded, past, length } = place;
  const step = stepAt(loaded, length);
  const outputs = await step.session.run({ ...past, token: int32(token, [token.length]) });
  place = { loaded, past: carriedBy(step.carried, outputs, past), length: length + 1 };
  free(past, place.past);
  return { logits: await outputs.logits.getData(true) };
}

/** Elements of the state that the walk is at, by name. */
async function walkedState() {
  const state = {};
  for (const [name, tensor] of Object.entries(place.past)) {
    if (name.startsWith('state')) state[name] = await tensor.getData();
  }
  return state;
}

globalThis.page = { start, open, close, prepare, run, steps, release, walk, walkOn, walkedState };
