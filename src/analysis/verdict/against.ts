/**
 * The question people ask of each model: from which length on is it faster than that one, phase by phase, by how much on a
 * long prompt, and with how much memory?
 */

import { group } from 'd3-array';
import { check } from '../../errors.js';
import { bytesText, integerText, withInterval } from '../../report/format.js';
import { namesText } from '../../report/sentences.js';
import { MIN_PROCESSES_FOR_CI } from '../../statistics.js';
import type { Replicates } from '../fits/bootstrap.js';
import { type Crossover, crossover, crossoverLength, settledText } from '../fits/crossover.js';
import { type CurveAt, curveAt, ratioAt, type Source } from '../fits/curve_at.js';
import { type FloorExponent, identifiedCurve } from '../fits/floor_exponent.js';
import { floorOf } from '../fits/scaling.js';
import type { Measurements, Series } from '../measurements.js';
import { replicatesOf } from '../replicates.js';
import type { Paragraph } from './verdict.js';

/** The prompt that is asked about, in tokens. */
const ASKED = 16_384;

interface Curve {
  readonly series: Series;
  readonly own: Replicates;
  readonly floor: FloorExponent | null;
  /** At the length that is asked about. */
  readonly asked: CurveAt;
}
interface PhaseCurves {
  readonly phase: string;
  readonly curves: readonly Curve[];
}

/** @throws UserError where none of the measurements have a row or model of that name, naming the rows there are */
export function checkAgainst(measurements: readonly Measurements[], against: string, where: string): void {
  const all = measurements.flatMap(({ series }) => series);
  const rows = [...new Set(all.map(({ name }) => name))];
  check(
    all.some(({ name, model }) => name === against || model === against),
    `${where}: must be a model that was measured (${rows.join(', ')}), got ${against}`,
  );
}

/**
 * A paragraph a model, and one that says what of that is measured and what is counted.
 * @param phases the measurements of each phase of a file
 * @param against a model, which each row is compared with on its own engine, or one row (`Softmax@wasm`) for all
 */
export function againstOf(phases: readonly Measurements[], against: string): Paragraph[] {
  const baseOf = basesOf(phases, against);
  const rows = [...new Map(phases.flatMap(({ series }) => series.map((one) => [idOf(one), one]))).values()];
  const compared = rows.flatMap((row) => {
    const base = baseOf(row);
    return base !== null && idOf(base) === idOf(row) ? [] : [{ row, base }];
  });
  if (compared.every(({ base }) => base === null)) {
    const text = compared.length === 0 ? 'Nothing else was measured.' : `${against} was not measured.`;
    return [{ about: `Against ${against}`, sentences: [text] }];
  }
  const curves = phases.map(curvesOf);
  const paragraphs = compared.map(({ row, base }) => ({
    about: `${row.name} against ${base?.name ?? against}`,
    sentences:
      base === null
        ? [`${against} was not measured on ${row.engine}.`]
        : [...phasesTexts(curves, row, base), ...stateTexts(phases, row, base)],
  }));
  return [...paragraphs, { about: 'Measured and counted', sentences: sourceTexts(phases) }];
}

const idOf = ({ model, engine }: Series): string => JSON.stringify([model, engine]);

/** What a row is compared with; null where its engine has none. */
function basesOf(phases: readonly Measurements[], against: string): (row: Series) => Series | null {
  const all = phases.flatMap(({ series }) => series);
  const own = all.filter(({ model }) => model === against);
  if (own.length > 0) return ({ engine }) => own.find((one) => one.engine === engine) ?? null;
  const named = all.find(({ name }) => name === against) ?? null;
  return () => named;
}

function curvesOf({ phase, series, seed }: Measurements): PhaseCurves {
  const all = replicatesOf(series, seed);
  return { phase, curves: series.map((one, i) => curveOf(one, all[i] as Replicates)) };
}

function curveOf(series: Series, own: Replicates): Curve {
  const floor = floorOf(own);
  return { series, own, floor, asked: curveAt(own, floor, ASKED) };
}

/** Phase by phase; of the length that is asked about, in the end, where nothing is said of it. */
function phasesTexts(phases: readonly PhaseCurves[], row: Series, base: Series): string[] {
  const all = phases.map((one) => ({ phase: one.phase, ...phaseTexts(one, row, base) }));
  const doubted = group(
    all.filter(({ doubt }) => doubt !== null),
    ({ doubt }) => doubt,
  );
  const asked = `Nothing is said of n = ${integerText(ASKED)}, which was not measured`;
  return [
    ...all.flatMap(({ texts }) => texts),
    ...[...doubted].map(([doubt, these]) => `${asked}${within(these.map(({ phase }) => phase))} (${doubt}).`),
  ];
}

/** Nothing of a phase in which neither was measured. */
function phaseTexts({ phase, curves }: PhaseCurves, row: Series, base: Series): PhaseTexts {
  const [a, b] = [row, base].map((of) => curves.find(({ series }) => idOf(series) === idOf(of)));
  const say = (text: string): string => sentence(`${within([phase])} ${text}`.trim());
  if (a === undefined && b === undefined) return { texts: [], doubt: null };
  if (a === undefined || b === undefined)
    return { texts: [say(`${(a === undefined ? row : base).name} was not measured`)], doubt: null };
  const lengths = a.own.points.flatMap(({ n }) => (b.own.points.some((point) => point.n === n) ? [n] : []));
  const found = crossover(a.own, b.own, { a: identifiedCurve(a.floor), b: identifiedCurve(b.floor) });
  const longest = lengths.includes(ASKED) ? ASKED : (lengths.at(-1) ?? ASKED);
  const ratios = [...new Set([longest, ASKED])].map((n) => ratioText(a, b, n));
  return {
    texts: [say(orderText(found, lengths, base.name)), ...ratios.flatMap(({ text }) => text ?? [])],
    doubt: ratios.at(-1)?.doubt ?? null,
  };
}

interface PhaseTexts {
  readonly texts: readonly string[];
  /** Why nothing is said of the length that is asked about; null where something is. */
  readonly doubt: string | null;
}

/** ` in prefill and decode`; of a table without phases nothing. */
function within(phases: readonly string[]): string {
  const named = phases.filter((phase) => phase !== '');
  return named.length === 0 ? '' : ` in ${namesText(named)}`;
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** @param lengths that both were measured at */
function orderText(found: Crossover, lengths: readonly number[], base: string): string {
  const [first = 0, last = 0] = [lengths[0], lengths.at(-1)];
  const everywhere =
    first === last
      ? `at n = ${integerText(first)}`
      : `at every measured n, ${integerText(first)} to ${integerText(last)}`;
  if (found.kind === 'unclear') return `it cannot be told at which n it is faster than ${base}: ${found.reason}`;
  if (found.kind === 'settled') {
    const order = found.fasterAfter === 'a' ? 'faster' : 'slower';
    return `it is ${order} than ${base} ${settledText(found, lengths)}; on shorter prompts it cannot be told: ${found.reason}`;
  }
  if (found.kind === 'same') return `it is as fast as ${base} ${everywhere}`;
  if (found.kind === 'none') return `it is ${found.faster === 'a' ? 'faster' : 'slower'} than ${base} ${everywhere}`;
  const at = crossoverLength(found, lengths);
  return found.fasterAfter === 'a'
    ? `it is faster than ${base} from n = ${at} on`
    : `it is faster than ${base} up to n = ${at}, and slower from there on`;
}

const HOW: Readonly<Record<Source, string>> = {
  measured: '',
  between: ', between lengths that were measured,',
  beyond: ', beyond what was measured, by the fits',
};

/** One of the two. */
function ratioText(a: Curve, b: Curve, n: number): { readonly text: string | null; readonly doubt: string | null } {
  const at = ({ own, floor, asked }: Curve): CurveAt => (n === ASKED ? asked : curveAt(own, floor, n));
  const [one, other] = [at(a), at(b)];
  if (one.source === 'unknown') return { text: null, doubt: `${a.series.name}: ${one.reason}` };
  if (other.source === 'unknown') return { text: null, doubt: `${b.series.name}: ${other.reason}` };
  const { source, ratio } = ratioAt(one, other);
  const takes = `it takes ${withInterval(ratio, ' times')} as long`;
  return { text: `At n = ${integerText(n)}${HOW[source]} ${takes}.`, doubt: null };
}

/** Of the first phase in which both have one, at the length that is asked about or the longest of both. */
function stateTexts(phases: readonly Measurements[], row: Series, base: Series): string[] {
  for (const { series } of phases) {
    const [own, other] = [row, base].map((of) => statesOf(series.find((one) => idOf(one) === idOf(of))));
    const shared = [...(own?.keys() ?? [])].filter((n) => other?.has(n));
    const n = shared.includes(ASKED) ? ASKED : shared.at(-1);
    if (n === undefined) continue;
    const [bytes, baseBytes] = [own?.get(n) ?? null, other?.get(n) ?? null];
    return [
      `Its state takes ${bytesText(bytes)} at n = ${integerText(n)}, that of ${base.name} ${bytesText(baseBytes)}.`,
    ];
  }
  return [];
}

function statesOf(series: Series | undefined): Map<number, number> {
  const points = series?.points ?? [];
  return new Map(points.flatMap(({ n, memory: { state } }) => (state === null ? [] : [[n, state]])));
}

function sourceTexts(phases: readonly Measurements[]): string[] {
  const points = phases.flatMap(({ series }) => series.flatMap((one) => one.points));
  const isSure = points.some(({ processMs }) => processMs.filter((ms) => ms !== null).length >= MIN_PROCESSES_FOR_CI);
  const brackets = isSure
    ? 'in brackets are 95 % intervals over processes, and one that holds 1 is no difference'
    : `without intervals, which need ${MIN_PROCESSES_FOR_CI} processes`;
  const noisy = phases.some((one) => one.noisy) ? ['The machine was noisy: things are less sure than they say.'] : [];
  const hasStates = points.some(({ memory }) => memory.state !== null);
  const states = hasStates ? 'States are counted from the tensors.' : 'There is nothing on states in the file.';
  return [`Times are measured; ${brackets}.`, ...noisy, states];
}
