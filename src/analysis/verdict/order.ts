/** Where models change places as prompts grow. */
import { group } from 'd3-array';
import { countText, integerText } from '../../report/format.js';
import { namesText } from '../../report/sentences.js';
import { type Analysis, lengthsOf } from '../analysis.js';
import { type Crossover, crossoverLength, settledText } from '../fits/crossover.js';

/** More pairs of a kind than these are for the table. */
const MOST_SAID = 4;

type Pair = Analysis['crossovers'][number];

/** None of one model or of one length, which change no places. */
export function orderTexts({ crossovers, models, rankings, reference }: Analysis): string[] {
  const lengths = lengthsOf(models);
  if (lengths.length < 2 || crossovers.length === 0) return [];
  const texts = [
    ...said(crossovers, 'one', (pairs) => pairs.map((pair) => changeText(pair, lengths))),
    ...said(crossovers, 'settled', (pairs) => settledTexts(pairs, lengths)),
    ...said(crossovers, 'unclear', openTexts),
  ];
  if (texts.length > 0) return texts;
  // Of the lengths that most models share: a model may lack others.
  const [first, last] = [rankings[0], rankings.at(-1)].map((ranking) => integerText(ranking?.n ?? 0));
  const range = first === last ? `at n = ${first}` : `from n = ${first} to ${last}`;
  if (crossovers.length < (models.length * (models.length - 1)) / 2) return [`None with ${reference} ${range}.`];
  const names = rankings.at(-1)?.places.map(({ name }) => name) ?? [];
  return [`None ${range}: ${namesText(names)}, the fastest first.`];
}

type PairOf<K extends Crossover['kind']> = Pair & { readonly crossover: Extract<Crossover, { readonly kind: K }> };

/** The first pairs of a kind in sentences, and how many more there are. */
function said<K extends Crossover['kind']>(
  crossovers: readonly Pair[],
  kind: K,
  textsOf: (pairs: readonly PairOf<K>[]) => readonly string[],
): string[] {
  const pairs = crossovers.filter((pair): pair is PairOf<K> => pair.crossover.kind === kind);
  if (pairs.length === 0) return [];
  const more = pairs.length - MOST_SAID;
  const rest = more > 0 ? [`So it is for ${countText(more, 'more pair')} in the table of cross-overs.`] : [];
  return [...textsOf(pairs.slice(0, MOST_SAID)), ...rest];
}

const placesIn = ({ a, b, crossover }: PairOf<'one' | 'settled'>): readonly [faster: string, slower: string] =>
  crossover.fasterAfter === 'a' ? [a, b] : [b, a];

function changeText(pair: PairOf<'one'>, lengths: readonly number[]): string {
  const [faster, slower] = placesIn(pair);
  return `From n = ${crossoverLength(pair.crossover, lengths)} on ${faster} is faster than ${slower}.`;
}

/** A sentence for each that is the faster one. */
function settledTexts(pairs: readonly PairOf<'settled'>[], lengths: readonly number[]): string[] {
  return [...group(pairs, (pair) => placesIn(pair)[0])].map(([faster, own]) => {
    const than = [...group(own, ({ crossover }) => settledText(crossover, lengths))].map(
      ([where, those]) => `than ${namesText(those.map((pair) => placesIn(pair)[1]))} ${where}`,
    );
    return `${faster} is faster ${than.join(', ')}; on shorter prompts it cannot be told.`;
  });
}

/** A sentence for each reason. */
function openTexts(pairs: readonly PairOf<'unclear'>[]): string[] {
  return [...group(pairs, ({ crossover }) => crossover.reason)].map(([reason, own]) => {
    const whether = own.map(({ a, b }) => `${a} or ${b}`).join(', ');
    return `Whether ${whether} is faster cannot be told: ${reason}.`;
  });
}
