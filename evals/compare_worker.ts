/** The program of our engines, which compare-models starts afresh for every run; it speaks the protocol on stdin and stdout. */
import { Console } from 'node:console';
import { resourceUsage } from 'node:process';
import { parseArgs } from 'node:util';
import type { RequestOf } from '../src/bench/measure/holding.js';
import { serve } from '../src/bench/measure/serve.js';
import { work } from '../src/bench/measure/worker.js';
import type { WorkerMessage, WorkerOrder } from '../src/bench/protocol/messages.js';
import { steeringVariables } from '../src/bench/run/environment.js';
import { findOwnEngine } from '../src/engines/registry.js';
import { UserError } from '../src/errors.js';
import type { ModelConfig } from '../src/models/model.js';
import { createModel, optionsOf } from '../src/models/registry.js';
import { EXIT } from './shared/command_line.js';

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined); // the parent decides
globalThis.console = new Console(process.stderr); // stdout is the protocol's

const own = {
  now: () => performance.now(),
  peakRssBytes: () => resourceUsage().maxRSS * 1024,
  env: () => steeringVariables(process.env),
};

/** Carries out an order that comes over Node's own channel. */
function workForParent(): void {
  const send = (message: WorkerMessage): void => {
    process.send?.(message);
  };
  process.once('message', async (order: WorkerOrder) => {
    try {
      const engineOf = (id: string) => findOwnEngine(id, 'engine');
      await work(order, { ...own, createModel, optionsOf, engineOf, send });
      send({ type: 'done' });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      send({ type: 'refused', reason: error.message });
    }
    process.disconnect();
  });
}

function configOf({ shape, options }: RequestOf<'load'>): ModelConfig {
  const { chunk_size = 32, scan_chunk, compression_factor = 2, retrieval_norm = 'none' } = options;
  return {
    ...{ vocabSize: shape.vocab_size, hiddenDim: shape.hidden_dim, numLayers: shape.num_layers },
    ...{ numHeads: shape.num_heads, ffDim: shape.ff_dim },
    ...{ chunkSize: Number(chunk_size), compressionFactor: Number(compression_factor) },
    ...(scan_chunk !== undefined && { scanChunk: Number(scan_chunk) }),
    retrievalNorm: retrieval_norm as ModelConfig['retrievalNorm'],
  };
}

async function serveParent(id: string): Promise<void> {
  const host = {
    ...own,
    createModel: (request: RequestOf<'load'>, run: Parameters<typeof createModel>[2]) =>
      createModel(request.model, configOf(request), run),
  };
  try {
    const input = process.stdin.setEncoding('utf8');
    await serve(findOwnEngine(id, '--engine'), host, input, (line) => process.stdout.write(line));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    process.exitCode = EXIT.usage;
  }
}

const { engine } = parseArgs({ options: { engine: { type: 'string' } } }).values;
if (engine === undefined) workForParent();
else await serveParent(engine);
