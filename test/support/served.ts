/** A worker of ours in this process, asked through the protocol. */
import { fileURLToPath } from 'node:url';
import { createServer } from '../../src/bench/measure/serve.js';
import { type Details, type ReplyOf, type Request, replySchema } from '../../src/bench/protocol/messages.js';
import { promptTokens } from '../../src/bench/protocol/plan.js';
import { type SequenceModel, shapeOf } from '../../src/models/model.js';
import type { OptionValues } from '../../src/models/options.js';
import { createModel, ownOptions } from '../../src/models/registry.js';
import type { Phase } from '../../src/results/words.js';
import type { Config } from './session.js';

export interface Served {
  /** The reply, as it reads on the other side of a line of JSON. @throws Error of a failure, with its reason */
  ask<T extends Request['type']>(type: T, body: Details<T>): Promise<ReplyOf<T>>;
  /** Loads a model under its own name. */
  load(model: string, more?: Partial<Details<'load'>>): Promise<ReplyOf<'load'>>;
}

export interface ServedOptions {
  readonly config: Config;
  readonly way?: 'eager' | 'compiled';
  readonly backend?: 'wasm' | 'tensorflow' | 'browser';
  readonly now?: () => number;
  /** A browser's page has died. */
  readonly onLost?: (reason: string) => void;
  /** Between the registry and the worker. */
  readonly wrap?: (model: SequenceModel) => SequenceModel;
}

export const BATCH = 2;

/** A worker that has been greeted. */
export async function served(options: ServedOptions, hello: Partial<Details<'hello'>> = {}): Promise<Served> {
  const worker = unserved(options);
  await worker.ask('hello', { protocol: 1, threads: 1, thorough: true, ...hello });
  return worker;
}

/** A worker that has not. */
export function unserved({
  config,
  way = 'eager',
  backend = 'wasm',
  now = () => 0,
  onLost = () => undefined,
  wrap = (model) => model,
}: ServedOptions): Served {
  const answer = createServer(
    { backend, way },
    {
      createModel: async ({ model, shape, options }, way) =>
        wrap(await createModel(model, shapeOf(shape), options, way)),
      ...{
        now,
        peakRssBytes: () => 1,
        pageFolder: fileURLToPath(new URL('../../browser', import.meta.url)),
        onLost,
        env: () => ({ TF_NUM_INTRAOP_THREADS: '1' }),
      },
    },
  );
  let id = 0;
  const ask: Served['ask'] = async (type, body) => {
    id += 1;
    const reply = replySchema.parse(JSON.parse(JSON.stringify(await answer({ id, type, ...body } as Request))));
    if (reply.type === 'failed') throw new Error(reply.reason);
    if (reply.id !== id) throw new Error(`reply ${reply.id} to request ${id}`);
    return reply as never;
  };
  const shape = {
    ...{ vocab_size: config.vocabSize, hidden_dim: config.hiddenDim, num_layers: config.numLayers },
    ...{ num_heads: config.numHeads, ff_dim: config.ffDim },
  };
  return {
    ask,
    load: async (model, more) =>
      ask('load', {
        ...{
          name: model,
          model,
          options: ownOptions(model, config) as OptionValues,
          shape,
          batch_size: BATCH,
          seed: 1,
          weights: null,
        },
        ...more,
      }),
  };
}

/** Ids [B, n] of the vocabulary. */
export const promptOf = (config: Config, n: number): number[][] =>
  promptTokens({ shape: { vocab_size: config.vocabSize }, batchSize: BATCH, seed: 1, promptBytes: null }, n);

/** What is asked for to prepare a cell: three tokens to emit, or `steps` of decode. */
export const cellOf = (config: Config, name: string, phase: Phase, n = 11, steps = 16): Details<'prepare'> => ({
  ...{ name, phase, n, n_tokens: 3, tokens: promptOf(config, n) },
  steps: phase === 'decode' ? steps : null,
});
