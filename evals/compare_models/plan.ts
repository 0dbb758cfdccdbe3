/** From the flags of compare-models to what is to be measured. */
import { DEFAULT_RULES, QUICK_RULES } from '../../src/bench/protocol/plan.js';
import type { RunSpec } from '../../src/bench/run/run.js';
import { ownEngine } from '../../src/engines/registry.js';
import { check } from '../../src/errors.js';
import { type ModelConfig, scanChunkOf } from '../../src/models/model.js';
import { checkModelConfig, findModelName, MODEL_NAMES, optionsOf } from '../../src/models/registry.js';
import { nativeProblem, SET_UP } from '../../src/native_check.js';
import type { CellId } from '../../src/results/cell.js';
import type { Options, RunConfig } from '../../src/results/schema.js';
import type { Phase } from '../../src/results/words.js';
import { WORKER_FILE } from '../shared/package_folder.js';
import { DEFAULTS, type Flags } from './flags.js';
import type { Prompt } from './prompt.js';

const DEFAULT_RUNS = 5;

/** @throws UserError naming the flag and the value */
export function specOf(flags: Flags, lengths: readonly number[], prompt: Prompt | null): RunSpec {
  const config = modelConfigOf(flags);
  checkModelConfig(config);
  if (prompt) checkPrompt(prompt.bytes, config.vocabSize);
  const phases: Phase[] = ['prefill', 'decode', 'generate', ...(flags.recompute ? (['recompute'] as const) : [])];
  const [models, engines] = [modelsOf(flags), enginesOf(flags)];
  const cells: CellId[] = models.flatMap((model) =>
    engines.flatMap((engine) => phases.flatMap((phase) => lengths.map((n) => ({ model, phase, n, engine })))),
  );
  return {
    cells,
    engines: engines.map((id) => ownEngine(id, WORKER_FILE)),
    workload: {
      models: models.map((model) => ({ name: model, model, options: optionsOf(model, config) })),
      shape: shapeOf(flags),
      nTokens: flags.n_tokens,
      batchSize: flags.batch_size,
      seed: flags.seed,
      promptBytes: prompt && Array.from(prompt.bytes),
    },
    rules: flags.quick ? QUICK_RULES : DEFAULT_RULES,
    runs: flags.runs ?? (flags.quick ? 1 : DEFAULT_RUNS),
    precisionPct: flags.precision,
    maxTimeS: flags.max_time,
    spinMs: flags.quick ? 200 : 1000,
    threads: flags.threads,
  };
}

const shapeOf = ({ vocab_size, hidden_dim, num_layers, num_heads, ff_dim }: Flags): RunSpec['workload']['shape'] => ({
  ...{ vocab_size, hidden_dim, num_layers, num_heads, ff_dim },
});

function modelConfigOf(flags: Flags): ModelConfig {
  return {
    vocabSize: flags.vocab_size,
    hiddenDim: flags.hidden_dim,
    numLayers: flags.num_layers,
    numHeads: flags.num_heads,
    ffDim: flags.ff_dim,
    chunkSize: flags.chunk_size,
    scanChunk: scanChunkIn(flags),
    compressionFactor: flags.compression_factor,
    retrievalNorm: flags.retrieval_norm,
  };
}

const scanChunkIn = ({
  hidden_dim,
  num_heads,
  scan_chunk,
}: Omit<Flags, 'scan_chunk'> & { scan_chunk?: number | undefined }): number =>
  scanChunkOf({ hiddenDim: hidden_dim, numHeads: num_heads, scanChunk: scan_chunk });

function modelsOf({ models }: Flags): readonly string[] {
  const words = models.flatMap((word) => word.split(','));
  const names = words.flatMap((word) => {
    check(word.trim() !== '', `--models: must be names of models, got '${word}'`);
    return word === 'all' ? MODEL_NAMES : [findModelName(word)];
  });
  return [...new Set(names)];
}

/** The engines of a backend and modes: compiled where the native backend can be had, eager elsewhere. */
function enginesOf({ mode, backend }: Flags): readonly string[] {
  const problem = nativeProblem();
  check(backend !== 'tensorflow' || problem === null, `--backend: tensorflow cannot be loaded: ${problem}`);
  const isNative = backend !== 'wasm' && problem === null;
  if (mode === 'auto') return [isNative ? 'tensorflow' : 'wasm'];
  check(mode === 'eager' || isNative, `--mode: ${mode} needs the tensorflow backend; use eager, or run ${SET_UP}`);
  if (!isNative) return ['wasm'];
  return { eager: ['tensorflow-eager'], compiled: ['tensorflow'], both: ['tensorflow-eager', 'tensorflow'] }[mode];
}

function checkPrompt(prompt: Uint8Array, vocabSize: number): void {
  const largest = prompt.reduce((a, b) => Math.max(a, b), 0);
  check(largest < vocabSize, `--prompt: bytes must be below --vocab_size (${vocabSize}), got ${largest}`);
}

/** The part of the plan that is written to the results file. */
export function runConfigOf(
  flags: Flags,
  runs: number,
  lengths: readonly number[],
  added: readonly number[],
  prompt: Prompt | null,
): RunConfig {
  return {
    ...shapeOf(flags),
    options: givenOptions(flags),
    seq_lengths: [...lengths],
    ...(added.length === 0 ? {} : { added_lengths: [...added] }),
    n_tokens: flags.n_tokens,
    batch_size: flags.batch_size,
    runs,
    quick: flags.quick,
    recompute: flags.recompute,
    prompt: prompt === null ? null : prompt.sha256,
    cell_timeout_s: flags.cell_timeout,
    precision_pct: flags.precision,
    max_time_s: flags.max_time,
  };
}

const MODEL_OPTIONS = ['chunk_size', 'compression_factor', 'retrieval_norm', 'scan_chunk'] as const;

/** Those that are not the models' own. */
function givenOptions(flags: Flags): Options {
  const own: Readonly<Record<string, unknown>> = {
    ...DEFAULTS,
    scan_chunk: scanChunkIn({ ...flags, scan_chunk: undefined }),
  };
  const given = MODEL_OPTIONS.filter((name) => flags[name] !== undefined && flags[name] !== own[name]);
  return Object.fromEntries(given.map((name) => [name, flags[name] as string | number]));
}

/** Whether an option of models does: else it changes their speed alone. */
export const changesResults = (option: string): boolean => option !== 'scan_chunk';
