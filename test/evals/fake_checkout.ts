/** A folder that looks like a built checkout, whose compare-models invents its times: quiet ones, or slower by a factor. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Results } from '../../src/results/schema.js';

export interface FakeCheckout {
  readonly folder: string;
  /** The flags of every call so far. */
  calls(): string[][];
}

/** @param template gives machine, models and cells; its first process of a cell has the cell's time before noise */
export function fakeCheckout(folder: string, template: Results, slowdown: number): FakeCheckout {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ type: 'module', bin: { 'compare-models': 'compare.js' } }),
  );
  writeFileSync(join(folder, 'template.json'), JSON.stringify(template));
  writeFileSync(join(folder, 'calls.json'), '[]');
  writeFileSync(join(folder, 'compare.js'), SCRIPT.replaceAll('SLOWDOWN', String(slowdown)));
  return { folder, calls: () => JSON.parse(readFileSync(join(folder, 'calls.json'), 'utf8')) as string[][] };
}

const SCRIPT = `
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
const own = (name) => fileURLToPath(new URL(name, import.meta.url));
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
if (argv.includes('--fail')) {
  console.error('a warning');
  console.error('error: no such flag');
  process.exit(2);
}
const template = read(own('template.json'));
const resumed = valuesOf('--resume');
const previous = resumed && read(resumed[0]);
const lengths = valuesOf('--seq_lengths');
const cells = template.cells.filter(({ n }) => lengths === null || lengths.includes(String(n)));
const noise = (i) => 1 + 0.01 * Math.abs(Math.sin(12.9 * calls.length + 78.2 * i + SLOWDOWN));
const result = cells.map((cell, i) => {
  const done = previous?.cells.find(({ n, phase, model }) => n === cell.n && phase === cell.phase && model === cell.model);
  const processes = [...(done?.processes ?? [])];
  for (let run = processes.length; run < Number(valuesOf('--runs')[0]); run++) {
    const [first] = cell.processes;
    processes.push({ ...first, run, samples_ms: [SLOWDOWN * noise(i + 7 * run) * first.samples_ms[0]] });
  }
  return { ...cell, processes, summary: null };
});
writeFileSync(valuesOf('--output')[0], JSON.stringify({ ...template, cells: result }));
`;
