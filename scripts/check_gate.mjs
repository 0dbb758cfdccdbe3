/**
 * Proves the gate on this machine with real measurements: identical code must not fail, slowed code must.
 *
 *   node scripts/check_gate.mjs [--identical 1] [--slowed 1] [--by 20] [--margin 10] [--runs 5] [--json FILE] [-- FLAGS]
 *
 * Each suite is `check-regressions --ab` of this checkout with itself. The slowed side's worker processes see a clock that
 * runs fast by `--by` percent, so that every time they measure is longer. Exits 1 unless every suite of identical code
 * exited 0 and every slowed one exited 1.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SMALL = '--models LinearTransformer --hidden_dim 64 --vocab_size 1000 --seq_lengths 64 256 --n_tokens 3';
const text = (value) => ({ type: 'string', default: value });

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...{ identical: text('1'), slowed: text('1'), by: text('20'), margin: text('10'), runs: text('5') },
    json: { type: 'string' },
  },
});
const flags = positionals.length > 0 ? positionals : SMALL.split(' ');

const folder = mkdtempSync(join(tmpdir(), 'check-gate-'));
try {
  const same = makeCheckout('same', 1);
  const slow = makeCheckout('slow', 1 + Number(values.by) / 100);
  const identical = Array.from({ length: Number(values.identical) }, (_, seed) => runSuite('identical', same, seed));
  const slowed = Array.from({ length: Number(values.slowed) }, (_, seed) => runSuite('slowed', slow, seed));
  const result = {
    by_pct: Number(values.by),
    margin_pct: Number(values.margin),
    runs: Number(values.runs),
    flags,
    identical,
    slowed,
  };
  if (values.json) writeFileSync(values.json, `${JSON.stringify(result, null, 1)}\n`);
  const good = identical.every(({ code }) => code === 0) && slowed.every(({ code }) => code === 1);
  console.log(good ? 'the gate works here' : 'the gate does not do here what it should');
  process.exitCode = good ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** A folder whose compare-models is this checkout's, with a clock that is fast by `factor` in its workers. */
function makeCheckout(name, factor) {
  const checkout = join(folder, name);
  mkdirSync(checkout);
  writeFileSync(
    join(checkout, 'package.json'),
    JSON.stringify({ type: 'module', bin: { 'compare-models': 'compare.js' } }),
  );
  writeFileSync(
    join(checkout, 'clock.js'),
    `const now = performance.now.bind(performance);\nperformance.now = () => ${factor} * now();\n`,
  );
  writeFileSync(
    join(checkout, 'compare.js'),
    `process.env.NODE_OPTIONS = '--import ' + new URL('clock.js', import.meta.url).href;\n` +
      `await import(${JSON.stringify(new URL('../bin/compare_models.js', import.meta.url).href)});\n`,
  );
  return checkout;
}

function runSuite(kind, head, seed) {
  const command = [
    join(ROOT, 'bin', 'check_regressions.js'),
    '--ab',
    join(folder, 'same'),
    head,
    '--seed',
    String(seed),
  ];
  const gate = ['--margin', values.margin, '--runs', values.runs];
  const start = Date.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [...command, ...gate, '--', ...flags], {
    encoding: 'utf8',
  });
  const seconds = Math.round((Date.now() - start) / 1000);
  const summary = stdout.trim().split('\n').at(-1);
  console.log(`${kind} ${seed}: exit code ${status} after ${seconds} s: ${summary}`);
  const asExpected = status === (kind === 'identical' ? 0 : 1);
  if (!asExpected) console.log(stdout, status === 2 ? stderr : '');
  return { seed, code: status, seconds, summary };
}
