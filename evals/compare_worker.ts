/** The program of our engines, which compare-models starts afresh for every run; it speaks the protocol on stdin and stdout. */
import { Console } from 'node:console';
import { join } from 'node:path';
import { resourceUsage } from 'node:process';
import { parseArgs } from 'node:util';
import { EXIT, SIGNALS } from '#scripts/ending.mjs';
import type { RequestOf } from '../src/bench/measure/holding.js';
import { serve } from '../src/bench/measure/serve.js';
import { steeringVariables } from '../src/bench/run/environment.js';
import { findOwnEngine } from '../src/engines/registry.js';
import { check, UserError } from '../src/errors.js';
import { shapeOf } from '../src/models/model.js';
import { createModel } from '../src/models/registry.js';
import { packageFolder } from './shared/package_folder.js';

for (const signal of SIGNALS) process.on(signal, () => undefined); // the parent decides
globalThis.console = new Console(process.stderr); // stdout is the protocol's

const text = { type: 'string' } as const;
const {
  engine = '',
  device = 'cpu',
  model: files = [],
} = parseArgs({ options: { engine: text, device: text, model: { ...text, multiple: true } } }).values;
const host = {
  now: () => performance.now(),
  peakRssBytes: () => resourceUsage().maxRSS * 1024,
  env: () => steeringVariables(process.env),
  pageFolder: join(packageFolder(), 'browser'),
  onLost: (reason: string) => {
    process.stderr.write(`error: ${reason}\n`);
    process.exit(EXIT.failed);
  },
  createModel: ({ model, shape, options }: RequestOf<'load'>, way: Parameters<typeof createModel>[3]) =>
    createModel(model, shapeOf(shape), options, way),
};
try {
  for (const file of files) await (await import('../src/own/load.js')).addModelFile(file, '--model');
  const input = process.stdin.setEncoding('utf8');
  const own = findOwnEngine(engine, '--engine');
  const place = own.devices.find((known) => known === device);
  check(place !== undefined, `--device: must be one of ${own.devices.join(', ')}, got ${device}`);
  await serve({ ...own, device: place }, host, input, (line) => process.stdout.write(line));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = EXIT.usage;
}
