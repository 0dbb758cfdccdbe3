/**
 * Proves the gate on this machine with real measurements: identical code must not fail, slowed code must. `--help` says how.
 * Each suite is `check-regressions --ab` of this checkout with itself. Where the new side is to be slower, the base's
 * processes see a clock that runs slow by `--by` percent, so that every time they measure is shorter.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { heedNohup } from '../bin/nohup.js';
import { runChild } from '../dist/evals/shared/child.js';
import { interruptible, sayInterrupted } from '../dist/evals/shared/interruption.js';
import { openTemporaryFolder } from '../dist/evals/shared/temporary_folder.js';
import { EXIT } from './ending.mjs';
import { parseFlags } from './flags.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SMALL = '--quick --models LinearTransformer --hidden_dim 64 --vocab_size 1000 --seq_lengths 64 256 --n_tokens 3';
const HELP = `Usage: npm run check:gate -- [options] [-- flags of compare-models]

Proves the gate on this machine: suites of identical code must not end with 1 (0, or 3 where the machine is too noisy to
tell), suites whose new side is slower must end with 1.
Progress goes to stderr, a line a suite to stdout. Exit code: 0 when every suite ends as it should, 1 when one does not.

  --identical <n>  suites of identical code (default: 1)
  --slowed <n>     suites whose new side is slower, by the clock of the base, which runs slow (default: 1)
  --by <pct>       how much slower (default: 20)
  --margin <pct>   slow-down that the gate allows (default: 10)
  --runs <n>       pairs of processes in the first set (default: 12)
  --sets <n>       sets of pairs at most, each twice as large as the one before (default: 2)
  --seed <n>       of the orders in the first suite; each other has one more (default: 0)
  --json <file>    what came out, written after every suite
  --help           this text

What is measured unless flags are given: ${SMALL}`;

const { values, positionals } = parseFlags({
  ...{ identical: '1', slowed: '1', by: '20', margin: '10', runs: '12', sets: '2', seed: '0' },
  json: null,
});
const flags = positionals.length > 0 ? positionals : SMALL.split(' ');

if (values.help) {
  console.log(HELP);
  process.exit(0);
}
heedNohup();
const folder = openTemporaryFolder();
process.env['TMPDIR'] = folder.file('.'); // what its children leave when they are ended goes with it
try {
  process.exitCode = await interruptible(() => 'the gate was not proved', checkGate);
} catch (error) {
  process.exitCode = sayInterrupted(error, process.stderr);
} finally {
  folder[Symbol.dispose]();
}

/** @returns the exit code */
async function checkGate(life) {
  const same = makeCheckout('same', 1);
  const fast = makeCheckout('fast', 1 / (1 + Number(values.by) / 100));
  const result = {
    created_at: new Date().toISOString(),
    machine: { cpu_model: cpus()[0].model, cores: cpus().length, node: process.version },
    by_pct: Number(values.by),
    margin_pct: Number(values.margin),
    flags,
    identical: [],
    slowed: [],
  };
  for (const [kind, base, expected] of [
    ['identical', same, [EXIT.ok, EXIT.cannotTell]], // cannot tell: too noisy, which is no alarm
    ['slowed', fast, [EXIT.failed]],
  ]) {
    for (let i = 0; i < Number(values[kind]); i++) {
      result[kind].push(await runSuite(kind, base, Number(values.seed) + i, expected, life));
      if (values.json) writeFileSync(values.json, `${JSON.stringify(result, null, 1)}\n`);
    }
  }
  const good = [...result.identical, ...result.slowed].every((suite) => suite.good);
  console.log(good ? 'the gate works here' : 'the gate does not do here what it should');
  return good ? EXIT.ok : EXIT.failed;
}

/** A folder whose engines are this checkout's, with a clock whose times are longer by `factor`. */
function makeCheckout(name, factor) {
  const checkout = folder.file(name);
  const worker = join(checkout, 'dist', 'evals', 'compare_worker.js');
  mkdirSync(dirname(worker), { recursive: true });
  writeFileSync(join(checkout, 'package.json'), JSON.stringify({ type: 'module' }));
  const own = JSON.stringify(new URL('../dist/evals/compare_worker.js', import.meta.url).href);
  const clock = `const now = performance.now.bind(performance);\nperformance.now = () => ${factor} * now();\n`;
  writeFileSync(worker, `${clock}await import(${own});\n`);
  return checkout;
}

/** The gate's progress on stderr, as it comes; its verdict as a line on stdout. */
async function runSuite(kind, base, seed, expected, life) {
  const command = [join(ROOT, 'bin/check_regressions.js'), '--ab', base, folder.file('same'), '--seed', String(seed)];
  const gate = ['--margin', values.margin, '--runs', values.runs, '--sets', values.sets, '--', ...flags];
  const start = Date.now();
  const seconds = () => Math.round((Date.now() - start) / 1000);
  const say = (line) =>
    console.error(`${kind} ${seed}, ${seconds()} s: ${line.replace(join(folder.file('.'), '/'), '')}`);
  const noLimit = Number.POSITIVE_INFINITY; // each of its processes has one
  const { code, stdout } = await runChild(process.execPath, [...command, ...gate], noLimit, life, say);
  const summary = stdout.trim().split('\n').at(-1);
  console.log(`${kind} ${seed}: exit code ${code} after ${seconds()} s: ${summary}`);
  const good = expected.includes(code);
  if (!good) console.log(stdout);
  return { seed, good, exit_code: code, seconds: seconds(), summary };
}
