/** What a worker holds from one request to the next. */
import { check } from '../../errors.js';
import type { SequenceModel } from '../../models/model.js';
import type { TransformerOptions } from '../../models/transformer.js';
import type { WeightSource } from '../../models/weights.js';
import * as tf from '../../tf.js';
import type { Request } from '../protocol/messages.js';
import type { Mode, Modes } from './modes.js';
import { type PreparedCell, prepareCell, type Work } from './phases.js';
import { type Subject, tensorOf } from './subject.js';

/** How an engine of ours runs models. */
export interface OwnWay {
  readonly backend: tf.BackendName;
  readonly way: Mode;
}

/** What a worker needs of its process. */
export interface WorkerHost {
  createModel(request: RequestOf<'load'>, options: TransformerOptions): Promise<SequenceModel>;
  /** Milliseconds from a fixed point. */
  now(): number;
  peakRssBytes(): number;
  /** The variables that steer the backend. */
  env(): Record<string, string>;
}

export type RequestOf<T extends Request['type']> = Extract<Request, { readonly type: T }>;

/** A model made ready. */
export interface Loaded {
  readonly request: RequestOf<'load'>;
  readonly weights: WeightSource;
  readonly subject: Subject;
  /** The same, run kernel by kernel: for counting. */
  readonly eager: Subject;
}

/** A cell made ready. */
export interface Held {
  readonly prepared: PreparedCell;
  /** Tensors alive when it was. */
  readonly tensors: number;
  readonly batch: number;
  dispose(): void;
}

export interface Holding {
  readonly way: OwnWay;
  readonly host: WorkerHost;
  /** Null before `hello`. */
  modes: Modes | null;
  readonly models: Map<string, Loaded>;
  /** Random weights by their seed: models have many in common. */
  readonly random: Map<number, WeightSource>;
  cell: Held | null;
}

export const createHolding = (way: OwnWay, host: WorkerHost): Holding => ({
  ...{ way, host, modes: null, cell: null },
  models: new Map(),
  random: new Map(),
});

/** @throws UserError before `hello` */
export function modesOf({ modes }: Holding): Modes {
  check(modes !== null, 'hello: must be said first, got another request');
  return modes;
}

/** @throws UserError when no model of that name is loaded */
export function loadedOf({ models }: Holding, name: string): Loaded {
  const loaded = models.get(name);
  check(loaded !== undefined, `load: must come first, got a request for ${name}`);
  return loaded;
}

/** @throws UserError when no cell is prepared */
export function heldOf({ cell }: Holding): Held {
  check(cell !== null, 'prepare: must come first, got a request for a cell');
  return cell;
}

/** Token ids [B, T] as a tensor. @throws UserError when they are not of the model's batch and vocabulary */
export function idsOf({ request }: Loaded, tokens: readonly (readonly number[])[]): tf.Tensor2D {
  const { batch_size, shape } = request;
  const [first = []] = tokens;
  check(tokens.length === batch_size, `tokens: must be ${batch_size} rows, got ${tokens.length}`);
  check(
    first.length > 0 && tokens.every(({ length }) => length === first.length),
    'tokens: rows must be of one length',
  );
  const other = tokens.flat().find((id) => id >= shape.vocab_size);
  check(other === undefined, `tokens: ids must be below ${shape.vocab_size}, got ${other}`);
  return tensorOf(tokens);
}

/** Lends ids to `use`. */
export function withIds<T>(loaded: Loaded, tokens: readonly (readonly number[])[], use: (ids: tf.Tensor2D) => T): T {
  const ids = idsOf(loaded, tokens);
  try {
    return use(ids);
  } finally {
    ids.dispose();
  }
}

/** Prepares a cell, whose tokens it takes over, and runs it once: so its graphs are built, and what a model keeps is made. */
export function holdCell(subject: Subject, work: Work): Held {
  const { tokens } = work;
  let prepared: PreparedCell | null = null;
  const dispose = (): void => {
    prepared?.dispose();
    tokens.dispose();
  };
  try {
    prepared = prepareCell(subject, work);
    prepared.run();
    return { prepared, tensors: tf.memory().numTensors, batch: tokens.shape[0], dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}
