/**
 * The journal of a run that goes on: the results as they were before the first cell was measured, then a line for each
 * finding. So what is written grows with what is new, and a cut at any byte loses the line that it cuts, no more.
 */
import { check, checkSchema, messageOf } from '../../errors.js';
import { cellKey } from '../../results/cell.js';
import { parseCurrent } from '../../results/parse.js';
import type { Results } from '../../results/schema.js';
import { createLedger, enter, type Finding, findingSchema, headOf, type LedgerSettings } from './ledger.js';

export const journalOf = (resultsFile: string): string => `${resultsFile}.journal`;

/** A line of a journal, with its end. */
export const journalLine = (content: Results | Finding): string => `${JSON.stringify(content)}\n`;

/** The results that a journal tells of, which are not complete. @throws UserError naming the bad line */
export function parseJournal(text: string, where: string): Results {
  const [first, ...rest] = text.split('\n').slice(0, -1); // what follows the last end of a line was cut
  check(first !== undefined, `${where}: must hold a whole line, got none`);
  const start = parseCurrent(parseLine(first, `${where}: line 1`), `${where}: line 1`);
  const ledger = createLedger(settingsOf(start), start);
  const runs = new Map(start.cells.map((cell) => [cellKey(cell), new Set(cell.processes.map(({ run }) => run))]));
  for (const [index, line] of rest.entries()) {
    const at = `${where}: line ${index + 2}`;
    const finding = checkSchema(findingSchema, parseLine(line, at), at);
    if (finding.type === 'measured') checkNew(finding.process.run, runs.get(cellKey(finding.cell)), at);
    enter(ledger, finding);
  }
  return ledger.results(headOf(start));
}

/** Adds a run to those of its cell: a results file holds each once. */
function checkNew(run: number, runs: Set<number> | undefined, at: string): void {
  check(runs !== undefined, `${at}: cell: must be one of line 1`);
  check(!runs.has(run), `${at}: process: each run must be there once, got ${run} twice; remove the line`);
  runs.add(run);
}

function parseLine(line: string, where: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    check(false, `${where}: is not JSON (${messageOf(error)})`);
  }
}

const settingsOf = ({ cells, config }: Results): LedgerSettings => ({
  cells: cells.map(({ model, phase, n, engine }) => ({ model, phase, n, engine })),
  nTokens: config.n_tokens,
  batchSize: config.batch_size,
  rule: { runs: config.runs, precisionPct: config.precision_pct ?? 0, maxTimeS: config.max_time_s ?? 0 },
});
