/** Who is the fastest at each end of the lengths, by how much, and how sure that is. */
import { integerText, percentText, timeText, withInterval } from '../../report/format.js';
import { namesText } from '../../report/sentences.js';
import { MIN_PROCESSES_FOR_CI } from '../../statistics.js';
import { type Analysis, hasIntervals } from '../analysis.js';
import { LEAST_DIFFERENCE, mayBeFirst, type Place, type Ranking } from '../ranking.js';

/** The largest length first: it is what people ask about. */
export function fastestTexts(analysis: Analysis): string[] {
  const { rankings } = analysis;
  const ends = [rankings.at(-1), ...rankings.slice(0, 1)].filter((ranking) => ranking !== undefined);
  const texts = [...new Set(ends)].map(rankingText);
  const isCompared = ends.some(({ places }) => places.length > 1);
  return isCompared ? [...texts, sureText(analysis)] : texts;
}

function rankingText({ n, places: [first, ...others] }: Ranking): string {
  const at = `At n = ${integerText(n)}`;
  if (first === undefined) return `${at} nothing was measured.`;
  const [next, slowest] = [others[0], others.at(-1)];
  if (next === undefined || slowest === undefined) return `${at} ${first.name} takes ${timeText(first.ms)}.`;
  const level = others.filter(mayBeFirst);
  if (level.length === 0) {
    const rest = next === slowest ? [next] : [next, slowest];
    return `${at} ${first.name} is the fastest with ${timeText(first.ms)}: ${longerTexts(rest)}.`;
  }
  const tie = `${at} ${namesText([`${first.name} (${timeText(first.ms)})`, ...level.map(({ name }) => name)])} cannot be told apart`;
  const ratio = level.length === 1 ? `: ${longerTexts(level)}` : '';
  const last = level.includes(slowest) ? '' : `; ${longerTexts([slowest])}`;
  return `${tie}${ratio}${last}.`;
}

/** `B takes 1.15 times as long [1.06, 1.19], C 1.53 times [1.42, 1.61]` */
function longerTexts(places: readonly Place[]): string {
  return places
    .map(({ name, ratio }, i) => {
      const [times = '', ...interval] = withInterval(ratio).split(' ');
      return [name, i === 0 ? `takes ${times} times as long` : `${times} times`, ...interval].join(' ');
    })
    .join(', ');
}

function sureText(analysis: Analysis): string {
  if (!hasIntervals(analysis)) return `Fewer than ${MIN_PROCESSES_FOR_CI} processes do not tell how sure that is.`;
  const noisy = analysis.measurements.noisy ? ', but the machine was noisy: things are less sure than it says' : '';
  return `In brackets is the 95 % interval over processes${noisy}; models cannot be told apart where it comes within ${percentText(LEAST_DIFFERENCE)} of 1.`;
}
