/** The process that compare-models starts afresh for every run. */
import { resourceUsage } from 'node:process';
import type { WorkerMessage, WorkerOrder } from '../src/bench/messages.js';
import { work } from '../src/bench/worker.js';
import { createModel } from '../src/models/registry.js';

/** Variables that change what the backend does. */
const STEERING = /^(TF_|OMP_|MKL_|ONEDNN_|DNNL_)/;

process.on('SIGINT', () => undefined); // the parent decides
process.once('message', async (order: WorkerOrder) => {
  await work(order, {
    createModel,
    send: (message: WorkerMessage) => process.send?.(message),
    now: () => performance.now(),
    peakRssBytes: () => resourceUsage().maxRSS * 1024,
    env: () =>
      Object.fromEntries(
        Object.entries(process.env).filter((entry): entry is [string, string] => STEERING.test(entry[0])),
      ),
  });
  process.disconnect();
});
