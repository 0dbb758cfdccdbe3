/** The program of our engines, which compare-models starts afresh for every run; it speaks the protocol on stdin and stdout. */
import { Console } from 'node:console';
import { parseArgs } from 'node:util';
import { EXIT, SIGNALS } from '#scripts/ending.mjs';
import type { RequestOf } from '../src/bench/measure/holding.js';
import { serve } from '../src/bench/measure/serve.js';
import { findOwnEngine } from '../src/engines/registry.js';
import { check, UserError } from '../src/errors.js';
import { shapeOf } from '../src/models/model.js';
import { createModel } from '../src/models/registry.js';
import { addOwnModels } from './shared/engines/own_models.js';
import { placeHost } from './shared/engines/place_host.js';

for (const signal of SIGNALS) process.on(signal, () => undefined); // the parent decides
globalThis.console = new Console(process.stderr); // stdout is the protocol's

const text = { type: 'string' } as const;
const {
  engine = '',
  device = 'cpu',
  model: files = [],
} = parseArgs({ options: { engine: text, device: text, model: { ...text, multiple: true } } }).values;
const host = {
  ...placeHost,
  createModel: ({ model, shape, options }: RequestOf<'load'>, way: Parameters<typeof createModel>[3]) =>
    createModel(model, shapeOf(shape), options, way),
};
try {
  await addOwnModels(files);
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
