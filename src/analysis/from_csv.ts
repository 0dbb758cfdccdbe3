/**
 * A table of one's own as measurements: a row a time, with the columns model, n and time, and if need be run, phase and
 * engine (docs/method.md, B.7). `compare-models --export csv` is read so too.
 */
import { group, rollup } from 'd3-array';
import { csvParseRows } from 'd3-dsv';
import { check } from '../errors.js';
import { rowNames } from '../results/cell.js';
import { PHASES } from '../results/words.js';
import { min } from '../statistics.js';
import { type MeasuredPoint, type Measurements, missingNotes } from './measurements.js';

/** What a column may be called, the first found counts; its case does not, and blanks and dashes are underscores. */
const NAMES = {
  model: ['model', 'name', 'series'],
  n: ['n', 'length', 'seq_length', 'seq_len', 'sequence_length'],
  run: ['run', 'process', 'repetition', 'rep', 'trial'],
  phase: ['phase'],
  engine: ['engine', 'mode'],
} as const;
type Role = keyof typeof NAMES | 'time';
/** `time_ms`, `time (s)`, `ms`, `seconds`: the unit is in the name; without one it is taken for ms. */
const TIME =
  /^(?:(?:time|t|duration|latency)(?:_\(?(ms|s|us|µs|ns|seconds|milliseconds)\)?)?|(?:sample_)?(ms|s|seconds))$/;
const MS: Readonly<Record<string, number>> = {
  ms: 1,
  milliseconds: 1,
  s: 1e3,
  seconds: 1e3,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};

interface Row {
  readonly model: string;
  readonly n: number;
  readonly ms: number;
  /** Null where the file has no column of runs. */
  readonly run: string | null;
  readonly phase: string | null;
  readonly engine: string;
}

interface Columns {
  readonly at: ReadonlyMap<Role, number>;
  readonly header: readonly string[];
  readonly msPerUnit: number;
  /** Null where the header names no unit. */
  readonly unit: string | null;
}

/**
 * @param text of the file, without a byte order mark
 * @param where names the file in errors
 * @param phase whose rows count, where there is a column of phases; null takes generate, or the only one there is
 * @throws UserError naming line and column
 */
export function fromCsv(text: string, where: string, phase: string | null): Measurements {
  const [header = [], ...lines] = csvParseRows(text);
  const columns = columnsOf(header, where);
  const rows = lines.flatMap((fields, i) => rowOf(fields, columns, `${where}: line ${lineOf(lines, i)}`) ?? []);
  check(rows.length > 0, `${where}: needs a row under the header, got none`);
  const [chosen, own] = ofPhase(rows, phase, where);
  const nameOf = rowNames(own);
  const runs = [...new Set(own.map(({ run }) => run))];
  const series = [...group(own, nameOf)].map(([name, ofModel]) => ({
    name,
    ...{ model: ofModel[0]?.model ?? '', engine: ofModel[0]?.engine ?? '' },
    points: [...group(ofModel, ({ n }) => n)].map(([n, cell]) => pointOf(n, cell, runs)).sort((a, b) => a.n - b.n),
  }));
  return {
    kind: 'csv',
    phase: chosen ?? '',
    meaning: chosen === null ? 'Times of a table' : `Times of a table: phase ${chosen}`,
    rateTitle: 'n / time, tokens per second',
    series,
    noisy: false,
    seed: 0,
    machine: [],
    notes: [
      ...(columns.unit === null ? [NO_UNIT] : []),
      ...(columns.at.has('run') ? [] : [NO_RUNS]),
      ...missingNotes(series.map(({ name, points }) => ({ name, lengths: points.map(({ n }) => n) }))),
    ],
    footer: ['Of a table (CSV), machine and versions are not recorded.'],
  };
}

const NO_UNIT = 'The column of times names no unit and is taken for ms; call it time_s, time_us or time_ns otherwise.';
const NO_RUNS =
  'Without a column run every row counts as a run of its own: intervals hold only if each was a fresh process.';

function columnsOf(header: readonly string[], where: string): Columns {
  const names = header.map((name) =>
    name
      .trim()
      .toLowerCase()
      .replaceAll(/[\s-]+/g, '_')
      .replaceAll(/[[\]]/g, ''),
  );
  const other = [';', '\t'].find((separator) => header.length === 1 && header[0]?.includes(separator));
  const called = other === '\t' ? 'tabs' : 'semicolons';
  check(other === undefined, `${where}: columns must be separated by commas, got ${called}; save it with commas`);
  const at = new Map<Role, number>();
  for (const [role, known] of Object.entries(NAMES)) {
    const found = known.find((name) => names.includes(name));
    if (found !== undefined) at.set(role as Role, names.indexOf(found));
  }
  const times = header.filter((_, i) => TIME.test(names[i] ?? ''));
  check(times.length < 2, `${where}: line 1: needs one column of times, got ${times.join(' and ')}`);
  if (times[0] !== undefined) at.set('time', header.indexOf(times[0]));
  for (const role of ['model', 'n', 'time'] as const) {
    check(
      at.has(role),
      `${where}: line 1: needs the columns model, n and time (time_ms, time_s …), got ${header.join(', ')}`,
    );
  }
  const [, suffix, word] = TIME.exec(names[at.get('time') ?? -1] ?? '') ?? [];
  const unit = suffix ?? word ?? null;
  return { at, header, unit, msPerUnit: MS[unit ?? 'ms'] ?? 1 };
}

/** Null for a line without anything. */
function rowOf(fields: readonly string[], { at, header, msPerUnit }: Columns, where: string): Row | null {
  if (fields.every((field) => field.trim() === '')) return null;
  check(fields.length === header.length, `${where}: needs ${header.length} columns as line 1, got ${fields.length}`);
  const read = (role: Role): string | null => {
    const i = at.get(role);
    return i === undefined ? null : (fields[i] ?? '').trim();
  };
  const column = (role: Role): string => `${where}, column ${header[at.get(role) ?? -1]}`;
  const number = (role: 'n' | 'time'): number => {
    const text = read(role) ?? '';
    const value = text === '' ? Number.NaN : Number(text);
    check(value > 0 && Number.isFinite(value), `${column(role)}: must be a number above 0, got ${text || "''"}`);
    return value;
  };
  const [model, n, time] = [read('model') ?? '', number('n'), number('time')];
  check(model !== '', `${column('model')}: must name a model, got ''`);
  check(Number.isSafeInteger(n), `${column('n')}: must be a whole number, got ${n}`);
  return { model, n, ms: time * msPerUnit, run: read('run'), phase: read('phase'), engine: read('engine') ?? '' };
}

/** A quoted field may hold line breaks. */
function lineOf(lines: readonly (readonly string[])[], i: number): number {
  const breaks = lines.slice(0, i).flat().join('').split('\n').length - 1;
  return i + 2 + breaks;
}

/** The phase that is analyzed, and its rows. */
function ofPhase(rows: readonly Row[], wanted: string | null, where: string): [string | null, readonly Row[]] {
  const phases = [...new Set(rows.map(({ phase }) => phase).filter((phase) => phase !== null))];
  if (phases.length === 0) {
    check(wanted === null, `${where}: needs a column phase to choose ${wanted}, got none`);
    return [null, rows];
  }
  const usual = phases.includes('generate') ? 'generate' : phases.length === 1 ? phases[0] : undefined;
  const chosen = wanted ?? usual;
  const own = rows.filter(({ phase }) => phase === chosen);
  check(chosen !== undefined, `${where}: has the phases ${phases.join(', ')}: choose one of ${PHASES.join(', ')}`);
  check(own.length > 0, `${where}: no row of phase ${chosen}; the table has only ${phases.join(', ')}`);
  return [chosen, own];
}

/** Samples of one run become its least; without runs every row is a run. */
function pointOf(n: number, cell: readonly Row[], runs: readonly (string | null)[]): MeasuredPoint {
  const least = rollup(
    cell,
    (rows) => min(rows.map(({ ms }) => ms)),
    ({ run }) => run,
  );
  const hasRuns = runs.some((run) => run !== null);
  return {
    n,
    added: false,
    processMs: hasRuns ? runs.map((run) => least.get(run) ?? null) : cell.map(({ ms }) => ms),
    tokens: n,
    steps: null,
    flops: null,
    memory: { parameters: null, state: null, peakActivation: null, peakRss: null, parametersAndIds: null },
  };
}
