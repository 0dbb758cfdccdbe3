/** Where models change places as prompts grow. */
import { countText, integerText } from '../../report/format.js';
import { namesText } from '../../report/sentences.js';
import { type Analysis, lengthsOf } from '../analysis.js';
import { crossoverLength, settledText } from '../fits/crossover.js';

/** More pairs than these are for the table. */
const MOST_SAID = 4;

/** None of one model or of one length, which change no places. */
export function orderTexts({ crossovers, models, rankings, reference }: Analysis): string[] {
  const lengths = lengthsOf(models);
  if (lengths.length < 2 || crossovers.length === 0) return [];
  const ordered = crossovers.flatMap(({ a, b, crossover }) => {
    if (crossover.kind !== 'one' && crossover.kind !== 'settled') return [];
    const [faster, slower] = crossover.fasterAfter === 'a' ? [a, b] : [b, a];
    return [{ crossover, order: `${faster} is faster than ${slower}` }];
  });
  const changes = ordered.flatMap(({ crossover, order }) =>
    crossover.kind === 'one' ? [`From n = ${crossoverLength(crossover, lengths)} on ${order}.`] : [],
  );
  const settled = ordered.flatMap(({ crossover, order }) =>
    crossover.kind === 'settled'
      ? [`${order} ${settledText(crossover, lengths)}; on shorter prompts it cannot be told.`]
      : [],
  );
  const open = crossovers.flatMap(({ a, b, crossover }) =>
    crossover.kind === 'unclear' ? [`Whether ${a} or ${b} is faster cannot be told: ${crossover.reason}.`] : [],
  );
  if (ordered.length + open.length > 0) return [changes, settled, open].flatMap(firstOf);
  // Of the lengths that most models share: a model may lack others.
  const [first, last] = [rankings[0], rankings.at(-1)].map((ranking) => integerText(ranking?.n ?? 0));
  const range = first === last ? `at n = ${first}` : `from n = ${first} to ${last}`;
  if (crossovers.length < (models.length * (models.length - 1)) / 2) return [`None with ${reference} ${range}.`];
  const names = rankings.at(-1)?.places.map(({ name }) => name) ?? [];
  return [`None ${range}: ${namesText(names)}, the fastest first.`];
}

function firstOf(texts: readonly string[]): string[] {
  const more = texts.length - MOST_SAID;
  const rest = more > 0 ? [`So it is for ${countText(more, 'more pair')} in the table of cross-overs.`] : [];
  return [...texts.slice(0, MOST_SAID), ...rest];
}
