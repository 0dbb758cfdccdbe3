/** Valid results files from nothing but times: model -> length -> one value per process, in milliseconds. */

import { parseResults } from '../../src/results/parse.js';
import type { Cell, Counted, EngineEntry, ModelEntry, ProcessRun, Results } from '../../src/results/schema.js';
import type { Phase } from '../../src/results/words.js';
import { median, medianInterval, variation } from '../../src/statistics.js';

/** `null` at a process's place leaves it without a sample of that cell. */
export type Times = Readonly<Record<string, Readonly<Record<number, readonly (number | null)[]>>>>;

export interface MakeOptions {
  readonly phase?: Phase;
  readonly counted?: (model: string, n: number) => Counted | null;
  /** Fields that replace those of the whole file. */
  readonly override?: Partial<Results>;
}

const PARAMS = 1_000_000;

/** A results file with one phase; merge the cells of several for more. */
export function makeResults(times: Times, { phase = 'generate', counted, override = {} }: MakeOptions = {}): Results {
  const curves = Object.entries(times).flatMap(([model, curve]) =>
    Object.entries(curve).map(([n, values]) => ({ model, n: Number(n), values })),
  );
  const lengths = [...new Set(curves.map(({ n }) => n))].sort((a, b) => a - b);
  const runs = Math.max(...curves.map(({ values }) => values.length));
  const cells = curves.map(({ model, n, values }) =>
    makeCell(model, phase, n, values, (counted ?? defaultCounted)(model, n)),
  );
  const names = Object.keys(times);
  return parseResults(
    {
      ...FRAME,
      config: { ...FRAME.config, seq_lengths: lengths, runs },
      models: names.map(makeModel),
      comparisons: [],
      cells,
      seq_lengths: lengths,
      time_results: Object.fromEntries(names.map((name) => [name, secondsOf(cells, name)])),
      memory_results: {},
      param_counts: Object.fromEntries(names.map((name) => [name, PARAMS])),
      ...override,
    },
    'make_results',
  );
}

function secondsOf(cells: readonly Cell[], model: string): Record<string, number> {
  const own = cells.filter((cell) => cell.model === model);
  return Object.fromEntries(own.map(({ n, summary }) => [n, (summary?.value_ms ?? Number.NaN) / 1000]));
}

/** One measured cell: two samples per process, the smaller is the given value. */
export function makeCell(
  model: string,
  phase: Phase,
  n: number,
  values: readonly (number | null)[],
  counted: Counted | null = defaultCounted(model, n),
): Cell {
  const processes = values.flatMap((value, run) => (value === null ? [] : [makeProcess(run, value, phase)]));
  const present = values.filter((value) => value !== null);
  const value = median(present);
  const tokens = phase === 'prefill' ? n : phase === 'decode' ? 1 : FRAME.config.n_tokens;
  return {
    model,
    phase,
    n,
    n_tokens: phase === 'generate' || phase === 'recompute' ? FRAME.config.n_tokens : 1,
    engine: 'wasm',
    status: 'ok',
    reason: null,
    processes,
    summary: {
      estimator: 'median over processes of the minimum over samples',
      value_ms: value,
      ci95_ms: medianInterval(present) as [number, number] | null,
      range_ms: [Math.min(...present), Math.max(...present)],
      p50_ms: value * 1.01,
      p95_ms: value * 1.02,
      max_ms: value * 1.02,
      step_p50_ms: phase === 'decode' ? value : null,
      step_max_ms: phase === 'decode' ? 1.5 * value : null,
      first_ms: value * 1.02,
      cv_within: 0.01,
      cv_between: variation(present),
      outliers: { mild: 0, severe: 0 },
      tokens_per_s: (1000 * tokens) / value,
      stop_reason: 'all runs done',
    },
    counted,
  };
}

function makeProcess(run: number, value: number, phase: Phase): ProcessRun {
  return {
    run,
    order: 0,
    warmup_ms: [value * 2],
    compile_ms: 0,
    samples_ms: [value * 1.02, value],
    steps: phase === 'decode' ? 32 : null,
    steps_ms: phase === 'decode' ? [value, value, 1.5 * value] : null,
    batch: 1,
    peak_rss_bytes: 300 * 2 ** 20,
    leaked_tensors: 0,
  };
}

function defaultCounted(_model: string, n: number): Counted {
  const state = 130_000;
  return {
    kernels: 100,
    flops: 1e6 * n,
    bytes: 1e5 * n,
    state_bytes: state,
    state_allocated_bytes: state,
    peak_activation_bytes: 4096 * n,
  };
}

export const makeModel = (name: string): ModelEntry => ({
  ...{ name, model: name, options: {}, period: null },
  ...{ params: PARAMS, params_without_head: PARAMS, param_bytes: 4 * PARAMS },
});

/** What `makeResults` measures on. */
export const WASM: EngineEntry = {
  ...{ id: 'wasm', command: null, threads: 1, runtime: 'tfjs-wasm', versions: { tfjs: '4.22.0' }, device: 'cpu' },
  ...{ provider: null, way: 'eager', native_code: [], env: {} },
};

const FRAME = {
  schema_version: 2 as const,
  complete: true,
  created_at: '2026-01-02T03:04:05Z',
  tool: { name: 'attnscale' as const, version: '0.1.0', node: 'v20.20.2', argv: [], seed: 1 },
  git: { commit: '0123456789abcdef', dirty: false },
  machine: {
    os: 'linux',
    arch: 'x64',
    cpu_model: 'Test CPU',
    cores: 2,
    threads: 1,
    memory_bytes: 8 * 2 ** 30,
    cgroup_memory_bytes: null,
    governor: null,
    load_before: 0.1,
    load_after: 0.1,
    steal_pct: 0,
    noise_cv: 0.02,
    noisy: false,
  },
  engines: [WASM],
  config: {
    vocab_size: 10000,
    hidden_dim: 128,
    num_layers: 2,
    num_heads: 4,
    ff_dim: 512,
    options: {},
    n_tokens: 32,
    batch_size: 1,
    quick: false,
    recompute: false,
    prompt: null,
    cell_timeout_s: 120,
  },
  config_hash: 'test',
};
