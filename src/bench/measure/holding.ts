/** What a worker holds from one request to the next. */
import { check } from '../../errors.js';
import type { SequenceModel } from '../../models/model.js';
import type { TransformerOptions } from '../../models/transformer.js';
import type { WeightSource } from '../../models/weights.js';
import type { Device } from '../../onnx_check.js';
import type { EngineInfo } from '../../results/schema.js';
import type * as tf from '../../tf.js';
import type { Request } from '../protocol/messages.js';
import type { Mode } from './modes.js';
import type { Subject } from './subject.js';
import type { Ids, Walker } from './walker.js';

/** How an engine of ours runs models. */
export interface OwnWay {
  readonly backend: tf.BackendName | 'onnx' | 'browser';
  readonly way: Mode;
  /** Where graphs run; cpu by default. */
  readonly device?: Device;
  /** Operators of the runtime that take the place of what models write out. */
  readonly operators?: readonly string[];
}

/** What an engine of ours needs of the process that it runs in. */
export interface PlaceHost {
  /** Milliseconds from a fixed point. */
  now(): number;
  peakRssBytes(): number;
  /** Of what a browser shows: browser/. */
  readonly pageFolder: string;
  /** A page has died, and all that was in it. */
  onLost(reason: string): void;
  /** The variables that steer the backend. */
  env(): Record<string, string>;
}

/** What a worker needs of its process. */
export interface WorkerHost extends PlaceHost {
  createModel(request: RequestOf<'load'>, options: TransformerOptions): Promise<SequenceModel>;
}

export type RequestOf<T extends Request['type']> = Extract<Request, { readonly type: T }>;

/** Where an engine's models run. */
export interface Place {
  readonly info: EngineInfo;
  /** A model, with its weights. @param create makes it, to be run as the engine does */
  prepare(create: (options: TransformerOptions) => Promise<SequenceModel>, weights: WeightSource): Promise<Ready>;
  /** Largest resident set so far; null where it is not known. */
  peakRssBytes(): number | null;
  close(): Promise<void>;
}

/** A model in its place. */
export interface Ready {
  readonly subject: Subject;
  readonly walker: Walker;
  /** Makes a cell ready and runs it once: so its graphs are built, and what a model keeps is made. */
  hold(cell: RequestOf<'prepare'>): Promise<Held>;
  /** Frees its weights and graphs. */
  dispose(): void;
}

/** A model made ready. */
export interface Loaded extends Ready {
  readonly request: RequestOf<'load'>;
  readonly weights: WeightSource;
  /** The same in this process, run kernel by kernel: for counting. */
  readonly eager: Subject;
}

/** A cell made ready. */
export interface Held {
  /** Time to build its graphs, ms. */
  readonly compileMs: number;
  run(repeats: number): Promise<{ readonly ms: number; readonly tokens: number[] }>;
  /** Of decode: single steps, ms each, on from where the last one ended; else null. */
  readonly steps: ((count: number) => Promise<number[]>) | null;
  /** Tensors more than when it was made ready; null where they are not counted. */
  leakedTensors(): number | null;
  dispose(): Promise<void>;
}

export interface Holding {
  readonly way: OwnWay;
  readonly host: WorkerHost;
  /** Null before `hello`. */
  place: Place | null;
  readonly models: Map<string, Loaded>;
  /** Random weights by their seed: models have many in common. */
  readonly random: Map<number, WeightSource>;
  /** What cells took to build, which was done once. */
  readonly compileMs: Map<string, number>;
  cell: Held | null;
}

export const createHolding = (way: OwnWay, host: WorkerHost): Holding => ({
  ...{ way, host, place: null, cell: null },
  models: new Map(),
  random: new Map(),
  compileMs: new Map(),
});

/** @throws UserError before `hello` */
export function placeOf({ place }: Holding): Place {
  check(place !== null, 'hello: must be said first, got another request');
  return place;
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

/** @throws UserError for token ids that are not of the model's batch and vocabulary */
export function checkIds({ request }: Loaded, tokens: Ids): void {
  const { batch_size, shape } = request;
  const [first = []] = tokens;
  check(tokens.length === batch_size, `tokens: must be ${batch_size} rows, got ${tokens.length}`);
  check(
    first.length > 0 && tokens.every(({ length }) => length === first.length),
    'tokens: rows must be of one length',
  );
  const other = tokens.flat().find((id) => id >= shape.vocab_size);
  check(other === undefined, `tokens: ids must be below ${shape.vocab_size}, got ${other}`);
}
