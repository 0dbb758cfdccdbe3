/** The process that compare-models starts afresh for every run. */
import { resourceUsage } from 'node:process';
import { work } from '../src/bench/measure/worker.js';
import type { WorkerMessage, WorkerOrder } from '../src/bench/protocol/messages.js';
import { steeringVariables } from '../src/bench/run/environment.js';
import { UserError } from '../src/errors.js';
import { createModel } from '../src/models/registry.js';

const send = (message: WorkerMessage): void => {
  process.send?.(message);
};

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined); // the parent decides
process.once('message', async (order: WorkerOrder) => {
  try {
    await work(order, {
      createModel,
      send,
      now: () => performance.now(),
      peakRssBytes: () => resourceUsage().maxRSS * 1024,
      env: () => steeringVariables(process.env),
    });
    send({ type: 'done' });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    send({ type: 'refused', reason: error.message });
  }
  process.disconnect();
});
