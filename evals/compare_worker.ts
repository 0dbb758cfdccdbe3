/** The program of our engines, which compare-models starts afresh for every run; it speaks the protocol on stdin and stdout. */
import { Console } from 'node:console';
import { resourceUsage } from 'node:process';
import { parseArgs } from 'node:util';
import { EXIT, SIGNALS } from '#scripts/ending.mjs';
import type { RequestOf } from '../src/bench/measure/holding.js';
import { serve } from '../src/bench/measure/serve.js';
import { work } from '../src/bench/measure/worker.js';
import type { WorkerMessage, WorkerOrder } from '../src/bench/protocol/messages.js';
import { steeringVariables } from '../src/bench/run/environment.js';
import { findOwnEngine } from '../src/engines/registry.js';
import { UserError } from '../src/errors.js';
import { shapeOf } from '../src/models/model.js';
import { createModel, loadModel, optionsOf } from '../src/models/registry.js';

for (const signal of SIGNALS) process.on(signal, () => undefined); // the parent decides
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

async function serveParent(id: string): Promise<void> {
  const host = {
    ...own,
    createModel: ({ model, shape, options }: RequestOf<'load'>, way: Parameters<typeof loadModel>[3]) =>
      loadModel(model, shapeOf(shape), options, way),
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
