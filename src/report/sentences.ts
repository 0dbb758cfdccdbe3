/** What several commands say, in the same words. */
import { type Interval, MIN_PROCESSES_FOR_CI } from '../statistics.js';
import { percentText } from './format.js';

/** After the title of a table whose times are of a machine that changed its speed. */
export const NOISY = ' [NOISY MACHINE]';

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

/** Whether times changed along processes, in a sentence or two. */
export function orderText({ drift, alwaysUp }: Order): string {
  if (drift === null) {
    return alwaysUp
      ? 'Order: a drift along a process cannot be told from growth here, since lengths went up in every process; more processes take other orders.'
      : 'Order: too few cells and processes to tell a drift along a process.';
  }
  const { change, interval } = drift;
  const [low, high] = interval.map(signedText);
  const within = `(99 % interval ${low} to ${high})`;
  if (interval[0] <= 0 && interval[1] >= 0) {
    const vague = interval.some((end) => Math.abs(end) > VAGUE);
    const said = vague ? 'cannot tell whether there is a drift along a process' : 'no drift along a process is seen';
    return `Order: ${said}: ${signedText(change)} from its first cell to its last ${within}.`;
  }
  const meaning = alwaysUp
    ? 'Lengths went up in every process: a part of it is in the exponents'
    : 'Lengths came in another order in each process: it widens intervals rather than bending curves';
  return `Order: cells take ${signedText(change)} from the first of a process to its last ${within}: the machine changed its pace. ${meaning}; let it come to rest, and close what else runs.`;
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
