/** The work of one fresh process: check and count the models, or time their cells. */
import { messageOf } from '../../errors.js';
import type { ModelConfig, SequenceModel } from '../../models/model.js';
import type { TransformerOptions } from '../../models/transformer.js';
import { randomWeights, remembered } from '../../models/weights.js';
import { type CellId, isLonger } from '../../results/cell.js';
import type { Counted, EngineEntry, ModelEntry, Options, ProcessRun } from '../../results/schema.js';
import * as tf from '../../tf.js';
import { sizeOfTree, type Tree } from '../../tree.js';
import type { WorkerMessage, WorkerOrder } from '../protocol/messages.js';
import {
  checkedLengths,
  decodeSteps,
  promptTokens,
  type SamplingRules,
  singleSteps,
  type Workload,
} from '../protocol/plan.js';
import { type Clock, takeSamples } from '../run/sampling.js';
import { countCell } from './counts.js';
import { createModes, type Mode, type Modes } from './modes.js';
import { type PreparedCell, prepareCell } from './phases.js';
import { selfCheck } from './self_check.js';
import { type Subject, tensorOf } from './subject.js';

/** What a worker needs of its process. */
export interface Host {
  createModel(name: string, config: ModelConfig, options: TransformerOptions): Promise<SequenceModel>;
  /** Of a model, all of them. */
  optionsOf(name: string, config: ModelConfig): Options;
  engineOf(id: string): { readonly backend: tf.BackendName; readonly way: Mode };
  send(message: WorkerMessage): void;
  readonly now: Clock;
  peakRssBytes(): number;
  /** The variables that steer the backend. */
  env(): Record<string, string>;
}

const BYTES_PER_FLOAT = 4;

/** Carries out an order. A cell that fails is reported, and the next one is tried. */
export async function work(order: WorkerOrder, host: Host): Promise<void> {
  const engines = order.task === 'count' ? order.engines : [...new Set(order.cells.map(({ engine }) => engine))];
  // they share a backend, since a process has one
  const backend = await tf.initBackend(host.engineOf(engines[0] ?? '').backend, order.threads);
  host.send({ type: 'ready', engines: engines.map((id) => describeEngine(id, order.threads, backend, host)) });
  const modes = createModes(host.now, order.rules.compileThoroughly);
  const subjectOf = createSubjects(order, modes, host);
  const failed: CellId[] = [];
  for (const [position, cell] of order.cells.entries()) {
    if (failed.some((other) => isLonger(cell, other))) continue;
    host.send({ type: 'start', cell });
    try {
      const subject = await subjectOf(cell);
      if (order.task === 'count') {
        host.send({ type: 'counted', cell, counted: count(subject, cell, order.workload) });
      } else {
        const sampled = measure(subject, cell, order.workload, order.rules, modes, host);
        host.send({ type: 'measured', cell, process: { run: order.run, order: position, ...sampled } });
      }
    } catch (error) {
      failed.push(cell);
      host.send({ type: 'failed', cell, reason: messageOf(error) });
    }
  }
}

function describeEngine(
  id: string,
  threads: number,
  { backend, tensorflow, nativeCode }: tf.BackendInfo,
  host: Host,
): EngineEntry {
  const { way } = host.engineOf(id);
  return {
    ...{ id, command: null, threads, device: 'cpu', provider: null, way, env: host.env() },
    runtime: backend === 'wasm' ? 'tfjs-wasm' : 'tfjs-node',
    versions: { tfjs: tf.version_core, ...(tensorflow !== null && { tensorflow }) },
    native_code: way === 'compiled' ? [...nativeCode] : [],
  };
}

/** Models by name and mode, their weights made once a process. The counting process checks each before it is used. */
function createSubjects(order: WorkerOrder, modes: Modes, host: Host): (cell: CellId) => Promise<Subject> {
  const { workload } = order;
  const weights = remembered(randomWeights(workload.seed));
  const parameters = new Map<string, Tree>();
  const subjects = new Map<string, Subject>();
  return async ({ model: name, engine }) => {
    const mode = order.task === 'count' ? 'eager' : host.engineOf(engine).way;
    const known = subjects.get(`${name} ${mode}`);
    if (known) return known;
    const model = await host.createModel(name, workload.config, modes.runners[mode]);
    const params = parameters.get(name) ?? model.init(weights);
    parameters.set(name, params);
    const subject = { model, params };
    if (order.task === 'count') {
      const tokens = tensorOf(promptTokens(workload, checkedLengths(model.period)[3]));
      for (const id of order.engines) {
        const { way } = host.engineOf(id);
        selfCheck({ model: await host.createModel(name, workload.config, modes.runners[way]), params }, tokens);
      }
      tokens.dispose();
      const options = host.optionsOf(name, workload.config);
      host.send({ type: 'model', model: { ...describeModel(subject), options } });
    }
    subjects.set(`${name} ${mode}`, subject);
    return subject;
  };
}

function describeModel({ model, params }: Subject): Omit<ModelEntry, 'options'> {
  const { name, period } = model;
  const { head = [], ...rest } = params as { readonly [name: string]: Tree };
  const withoutHead = sizeOfTree(rest);
  const all = withoutHead + sizeOfTree(head);
  return {
    name,
    model: name,
    period,
    params: all,
    params_without_head: withoutHead,
    param_bytes: BYTES_PER_FLOAT * all,
  };
}

function measure(
  subject: Subject,
  cell: CellId,
  workload: Workload,
  rules: SamplingRules,
  modes: Modes,
  host: Host,
): Omit<ProcessRun, 'run' | 'order'> {
  const compiledBefore = modes.compileMs();
  const { prepared, steps, dispose } = prepare(subject, cell, workload);
  const timed = (repeats: number): void => {
    for (let i = 0; i < repeats; i++) prepared.run();
  };
  try {
    timed(1); // builds the graphs, and the arrays a model keeps
    const tensors = tf.memory().numTensors;
    const { warmupMs, samplesMs, repeats } = takeSamples(timed, rules, host.now);
    const perToken = cell.phase === 'decode' ? steps : 1;
    return {
      warmup_ms: warmupMs.map((ms) => ms / perToken),
      compile_ms: modes.compileMs() - compiledBefore,
      samples_ms: samplesMs.map((ms) => ms / perToken),
      steps: cell.phase === 'decode' ? steps : null,
      steps_ms: timeSteps(prepared, subject.model, host.now),
      batch: repeats * perToken,
      peak_rss_bytes: host.peakRssBytes(),
      leaked_tensors: tf.memory().numTensors - tensors,
    };
  } finally {
    dispose();
  }
}

function prepare(subject: Subject, { phase, n }: CellId, workload: Workload) {
  const tokens = tensorOf(promptTokens(workload, n));
  const steps = decodeSteps(subject.model.period);
  const prepared = prepareCell(subject, { phase, tokens, nTokens: workload.nTokens, steps });
  const dispose = (): void => {
    prepared.dispose();
    tokens.dispose();
  };
  return { prepared, steps, dispose };
}

function count(subject: Subject, { phase, n }: CellId, workload: Workload): Counted {
  const tokens = tensorOf(promptTokens(workload, n));
  try {
    return countCell(subject, { phase, tokens, nTokens: workload.nTokens, steps: 1 });
  } finally {
    tokens.dispose();
  }
}

/** The steps of one period, each timed alone. */
function timeSteps({ singleStep }: PreparedCell, { period }: SequenceModel, now: Clock): number[] | null {
  if (singleStep === null) return null;
  return Array.from({ length: singleSteps(period) }, () => {
    const start = now();
    singleStep();
    return now() - start;
  });
}
