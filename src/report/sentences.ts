/** What several commands say, in the same words. */
import { type Interval, MIN_PROCESSES_FOR_CI } from '../statistics.js';
import { percentText } from './format.js';

/** After the title of a table whose times are of a machine that changed its speed. */
export const NOISY = ' [NOISY MACHINE]';

/** More names than this are counted. */
export const MOST_NAMED = 6;

/** `A`, `A and B`, `A, B and C`; of many the first and how many more. */
export function namesText(names: readonly string[]): string {
  const more = names.length - MOST_NAMED;
  const all = more > 1 ? [...names.slice(0, MOST_NAMED), `${more} more`] : names;
  return all.length < 2 ? (all[0] ?? '') : `${all.slice(0, -1).join(', ')} and ${all.at(-1)}`;
}

/** What a time is, and how far it holds. @param processes the fewest and the most of a cell */
export function timesText([fewest, most]: readonly [number, number]): string {
  const count = fewest < most ? `${fewest} to ${most}` : most;
  const estimator = most === 1 ? 'of one process' : `of each process, median over ${count} processes`;
  const intervals =
    most < MIN_PROCESSES_FOR_CI
      ? `no intervals with fewer than ${MIN_PROCESSES_FOR_CI} processes`
      : '± and [low, high] are 95 % intervals over processes';
  return `Times: the fastest sample ${estimator}; ${intervals}.`;
}

/** How far a change would be a fault of the run: an interval that holds it and 0 says nothing. */
const VAGUE = 0.1;

/** How steady the machine was around the processes. */
export function paceText({ noisy, noise_cv: variation }: Pace): string {
  if (variation === null) return 'How steady the machine was is not recorded.';
  const loop = `A fixed loop before, between and after the processes varied by ${percentText(variation)}`;
  return noisy
    ? `${loop}: a noisy machine, where small differences mean nothing; measure again on a quiet one.`
    : `${loop}: a steady machine.`;
}

interface Pace {
  readonly noisy: boolean;
  readonly noise_cv: number | null;
}

/** Whether times changed along processes, in a sentence or two. */
export function orderText({ drift, alwaysUp }: Order): string {
  if (drift === null) {
    return alwaysUp
      ? 'A drift along a process cannot be told from growth here, since lengths went up in every process; more processes take other orders.'
      : 'Too few cells and processes to tell a drift along a process.';
  }
  const { change, interval } = drift;
  const [low, high] = interval.map(signedText);
  const within = `(99 % interval ${low} to ${high})`;
  if (interval[0] <= 0 && interval[1] >= 0) {
    const vague = interval.some((end) => Math.abs(end) > VAGUE);
    const said = vague
      ? 'It cannot be told whether there is a drift along a process'
      : 'No drift along a process is seen';
    return `${said}: ${signedText(change)} from its first cell to its last ${within}.`;
  }
  const meaning = alwaysUp
    ? 'Lengths went up in every process: a part of it is in the exponents'
    : 'Lengths came in another order in each process: it widens intervals rather than bending curves';
  return `Cells take ${signedText(change)} from the first of a process to its last ${within}: the machine changed its pace. ${meaning}; let it come to rest, and close what else runs.`;
}

/** What results/drift.ts finds. */
interface Order {
  /** Null where it cannot be told. */
  readonly drift: { readonly change: number; readonly interval: Interval } | null;
  /** No process measured a length before a shorter one of its series. */
  readonly alwaysUp: boolean;
}

/** 0.096 -> '+9.6 %' */
const signedText = (share: number): string => `${share < 0 ? '−' : '+'}${percentText(Math.abs(share))}`;
