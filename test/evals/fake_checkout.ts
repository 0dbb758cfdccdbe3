/** Folders that look like built checkouts, and invent their times: quiet ones, or slower by a factor. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Results } from '../../src/results/schema.js';
import { type FakeEngine, fakeEngine } from '../support/fake_worker.js';

/** One whose engines' program is a fake engine. @param onCell as of `fakeEngine` */
export function fakeVersion(folder: string, onCell: string): FakeEngine & { readonly folder: string } {
  const engine = fakeEngine(onCell);
  writeCheckout(folder, 'dist/evals/compare_worker.js', `import ${JSON.stringify(engine.file)};`);
  return { ...engine, folder };
}

/** @param file of the checkout that is there */
export function writeCheckout(folder: string, file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  writeFileSync(join(folder, file), text);
}

export interface FakeCheckout {
  readonly folder: string;
  /** The flags of every call so far. */
  calls(): string[][];
}

/** One whose compare-models is a fake. @param template gives machine, models and cells; its first process of a cell has the cell's time before noise */
export function fakeCheckout(folder: string, template: Results, slowdown: number): FakeCheckout {
  writeCheckout(folder, 'bin/compare_models.js', SCRIPT.replaceAll('SLOWDOWN', String(slowdown)));
  writeFileSync(join(folder, 'template.json'), JSON.stringify(template));
  writeFileSync(join(folder, 'calls.json'), '[]');
  return { folder, calls: () => JSON.parse(readFileSync(join(folder, 'calls.json'), 'utf8')) as string[][] };
}

const SCRIPT = `
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
const own = (name) => fileURLToPath(new URL('../' + name, import.meta.url));
const read = (file) => JSON.parse(readFileSync(file, 'utf8'));
const argv = process.argv.slice(2);
const calls = [...read(own('calls.json')), argv];
writeFileSync(own('calls.json'), JSON.stringify(calls));
const valuesOf = (flag) => {
  const at = argv.indexOf(flag);
  if (at < 0) return null;
  const end = argv.findIndex((word, i) => i > at && word.startsWith('--'));
  return argv.slice(at + 1, end < 0 ? undefined : end);
};
if (SLOWDOWN > 100) {
  console.error('a warning');
  console.error('error: no room');
  process.exit(2);
}
const template = read(own('template.json'));
const lengths = valuesOf('--seq_lengths');
const cells = template.cells.filter(({ n }) => lengths === null || lengths.includes(String(n)));
const noise = (i) => 1 + 0.01 * Math.abs(Math.sin(12.9 * calls.length + 78.2 * i + SLOWDOWN));
const result = cells.map((cell, i) => {
  const [first] = cell.processes;
  const times = Array.from({ length: Number(valuesOf('--runs')[0]) }, (_, run) => SLOWDOWN * noise(i + 7 * run));
  const processes = times.map((time, run) => ({ ...first, run, samples_ms: [time * first.samples_ms[0]] }));
  return { ...cell, processes, summary: null };
});
writeFileSync(valuesOf('--output')[0], JSON.stringify({ ...template, cells: result }));
`;
