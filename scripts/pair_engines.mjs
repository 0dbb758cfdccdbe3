/**
 * Times two engines in pairs of processes, a sample each in turns (docs/decisions/010-pairs.md): their ratio is good to a
 * few percent with a few pairs, where processes that are timed one after the other differ by some 10. `--help` says how.
 */
import { heedNohup } from '../bin/nohup.js';
import { planPairs, timePairs } from '../dist/evals/check_regressions/pairs.js';
import { runEverywhere } from '../dist/evals/compare_models/rerun.js';
import { boldOn } from '../dist/evals/shared/bold.js';
import { interruptible, sayInterrupted } from '../dist/evals/shared/interruption.js';
import { createOutputWriter, prepareOutput } from '../dist/evals/shared/output.js';
import { pairRatios } from '../dist/src/bench/gate/paired_cells.js';
import { check, UserError } from '../dist/src/errors.js';
import { toTerminal } from '../dist/src/report/terminal.js';
import { isMeasured, rowNames } from '../dist/src/results/cell.js';
import { max, median, min } from '../dist/src/statistics.js';
import { EXIT } from './ending.mjs';
import { parseFlags } from './flags.mjs';

const HELP = `Usage: npm run pair -- [options] -- [flags of compare-models, two engines among them]

Times two engines in pairs of processes. The two are the first of --engines and --peer, in that order; the ratio is that of
the first over the second. Peers get weights of their own: whether they compute the same is for compare-models to say.
A line a cell to stdout. Exit code: 0 all cells were measured, 1 some were not, 2 bad usage.

  --pairs <n>        pairs of processes (default: 3)
  --phases <words>   prefill,decode,generate (default: prefill,decode)
  --json <file>      a results file: processes of one number are a pair, and their samples of one place of one moment
  --help             this text

  npm run pair -- -- --engines onnx tensorflow --models KDA --hidden_dim 128 --seq_lengths 256 1024
  npm run pair -- -- --engines tensorflow --peer torch='python3 peers/torch_peer.py --mode compile' --cell_timeout 600`;

const { values, positionals } = parseFlags({ pairs: '3', phases: 'prefill,decode', json: null });

if (values.help) {
  console.log(HELP);
  process.exit(EXIT.ok);
}
heedNohup();
try {
  const { plan, task, names } = await planOf(positionals);
  if (values.json) prepareOutput(values.json, { file: '--json', folder: '--json' });
  const results = await interruptible(
    () => 'nothing was written',
    (life) => timePairs(plan, task, life, process),
  );
  const writer = createOutputWriter(process);
  if (values.json) writer.write(values.json, `${JSON.stringify(merged(results, names), null, 1)}\n`);
  console.log(toTerminal([tableOf(results, names)], boldOn(process.stdout), process.stdout.columns));
  const areMeasured = [...results.base.cells, ...results.new.cells].every(isMeasured);
  process.exitCode = writer.exitCode(areMeasured ? EXIT.ok : EXIT.failed);
} catch (error) {
  if (error instanceof UserError) console.error(`error: ${error.message}`);
  process.exitCode = error instanceof UserError ? EXIT.usage : sayInterrupted(error, process.stderr);
}

/** What is to be measured, with the second engine under the first one's name: a pair is of one cell. */
async function planOf(argv) {
  const pairs = Number(values.pairs);
  check(Number.isSafeInteger(pairs) && pairs > 0, `--pairs: must be a whole number of at least 1, got ${values.pairs}`);
  const plan = await planPairs(argv, process);
  const { engines, cells } = plan.spec;
  const asked = [...new Set(cells.map(({ engine }) => engine))];
  check(asked.length === 2, `--engines, --peer: must be two, got ${asked.join(', ')}`);
  check(runEverywhere(cells), '--models: each must be on both engines, got one that is on one alone');
  const [first, second] = asked.map((id) => engines.find((engine) => engine.id === id));
  const phases = values.phases.split(',');
  const own = cells.filter(({ engine, phase }) => engine === first.id && phases.includes(phase));
  check(own.length > 0, `--phases: must be some of prefill, decode, generate, got ${values.phases}`);
  const version = (engine) => ({
    ...{ name: engine.id, engines: [{ ...engine, id: first.id }], label: plan.labelOf(pairs) },
  });
  return {
    plan,
    names: { new: first.id, base: second.id },
    task: {
      cells: own,
      runs: Array.from({ length: pairs }, (_, run) => run),
      seed: plan.flags.seed,
      versions: { new: version(first), base: version(second) },
    },
  };
}

/** Both in one file, each engine under its own name. */
function merged(results, names) {
  const { base, new: next } = results;
  const renamed = (items, key, name) => items.map((item) => ({ ...item, [key]: name }));
  return {
    ...next,
    engines: [...renamed(next.engines, 'id', names.new), ...renamed(base.engines, 'id', names.base)],
    cells: [...renamed(next.cells, 'engine', names.new), ...renamed(base.cells, 'engine', names.base)],
  };
}

function tableOf({ base, new: next }, names) {
  const nameOf = rowNames(next.cells);
  const rows = next.cells.map((cell, i) => {
    const other = base.cells[i];
    const ratios = pairRatios(other, cell);
    const ms = [cell, other].map(({ summary, reason }) => (summary ? summary.value_ms.toPrecision(3) : reason));
    const range = [min(ratios), max(ratios)].map((ratio) => ratio.toFixed(2)).join(' to ');
    const ratio = ratios.length === 0 ? ['', ''] : [median(ratios).toFixed(2), range];
    return [nameOf(cell), cell.phase, String(cell.n), ...ms, ...ratio];
  });
  const columns = ['model', 'phase', 'n', `${names.new} ms`, `${names.base} ms`, 'ratio', 'pairs'];
  return { title: `${names.new} over ${names.base}`, columns, rows, notes: [] };
}
