/**
 * Files of schema 1 as those of schema 2. They had one runtime a file and its `mode` in each cell, named the options of
 * every model in `config`, and timed the decode of every model over BSBR's chunk.
 */
import { z } from 'zod';
import { checkSchema } from '../errors.js';
import { configHash } from './config_hash.js';
import type { EngineEntry, ModelEntry, Options, RunConfig } from './schema.js';

const count = z.int().nonnegative();
const mode = z.enum(['eager', 'compiled']);

/** The fields that changed; the others are looked at as those of schema 2. */
const changed = z.looseObject({
  tool: z.looseObject({}),
  machine: z.looseObject({ threads: count.min(1) }),
  runtime: z.looseObject({
    node: z.string(),
    tfjs: z.string(),
    backend: z.enum(['tensorflow', 'wasm']),
    tensorflow: z.string().nullable(),
    small_products: z.boolean().optional(),
    causal_attention: z.boolean().optional(),
    env: z.record(z.string(), z.string()),
  }),
  config: z.looseObject({
    chunk_size: count.min(1),
    scan_chunk: count.min(1).optional(),
    compression_factor: count,
    retrieval_norm: z.enum(['none', 'l2']),
    mode: z.enum(['auto', 'eager', 'compiled', 'both']),
  }),
  models: z.array(z.looseObject({ name: z.string() })),
  cells: z.array(z.looseObject({ phase: z.unknown(), mode, processes: z.array(z.looseObject({})) })),
});
type Old = z.infer<typeof changed>;

/** What the options of models were when they were not given. */
const DEFAULTS: Options = { chunk_size: 32, compression_factor: 2, retrieval_norm: 'none' };

/** @throws UserError naming the first bad field of those that changed */
export function upgraded(value: unknown, where: string): unknown {
  const { runtime, ...file } = checkSchema(changed, value, where);
  const { chunk_size, scan_chunk, compression_factor, retrieval_norm, mode: _, ...shape } = file.config;
  const options: Options = { chunk_size, compression_factor, retrieval_norm };
  const given = Object.fromEntries(Object.entries(options).filter(([name, own]) => own !== DEFAULTS[name]));
  const config = { ...shape, options: given };
  return {
    ...file,
    schema_version: 2,
    tool: { ...file.tool, node: runtime.node },
    config,
    config_hash: configHash(config as unknown as RunConfig, () => true),
    engines: [...new Set(file.cells.map((cell) => cell.mode))].map((way) => engineOf({ runtime, ...file }, way)),
    models: file.models.map((model) => ({ ...model, ...modelOf(model.name, file.config) })),
    comparisons: [],
    cells: file.cells.map(({ mode: way, ...cell }) => ({
      ...cell,
      engine: engineId(runtime.backend, way),
      processes: cell.processes.map((process) => ({
        ...process,
        steps: cell.phase === 'decode' ? Math.ceil(32 / chunk_size) * chunk_size : null,
      })),
    })),
  };
}

function engineId(backend: Old['runtime']['backend'], way: z.infer<typeof mode>): string {
  if (backend === 'wasm') return 'wasm';
  return way === 'compiled' ? 'tensorflow' : 'tensorflow-eager';
}

function engineOf({ runtime, machine }: Pick<Old, 'runtime' | 'machine'>, way: z.infer<typeof mode>): EngineEntry {
  const { tfjs, tensorflow, backend, env } = runtime;
  const native = (['small_products', 'causal_attention'] as const).filter((name) => runtime[name] === true);
  return {
    ...{ id: engineId(backend, way), command: null, threads: machine.threads, device: 'cpu', provider: null, way, env },
    runtime: backend === 'wasm' ? 'tfjs-wasm' : 'tfjs-node',
    versions: { tfjs, ...(tensorflow !== null && { tensorflow }) },
    native_code: way === 'compiled' ? native : [],
  };
}

/** What a model was by the options that all models shared. */
function modelOf(name: string, config: Old['config']): Pick<ModelEntry, 'model' | 'options' | 'period'> {
  const { chunk_size, scan_chunk = chunk_size, compression_factor, retrieval_norm } = config;
  const known: Readonly<Record<string, Pick<ModelEntry, 'options' | 'period'>>> = {
    BSBR: { options: { chunk_size, compression_factor, retrieval_norm }, period: chunk_size },
    LinearTransformer: { options: { scan_chunk }, period: null },
    DeltaNet: { options: { scan_chunk }, period: null },
    Softmax: { options: {}, period: 128 },
  };
  return { model: name, options: {}, period: null, ...(Object.hasOwn(known, name) && known[name]) };
}
