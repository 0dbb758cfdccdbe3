/** A panel of the lengths at which models change places. */
import { max } from '../../statistics.js';
import { type Analysis, lengthsOf } from '../analysis.js';
import { crossoverLength } from '../fits/crossover.js';
import type { Frame } from './groups.js';
import { visible } from './layers.js';
import { emptyPanel, type Layer, lengthAxis, modelScales, type Panel, shortName } from './parts.js';
import { INK } from './theme.js';

/** Of a pair: its names, and its interval below. */
const PAIR_PX = 40;
const [NAME_PX, BAR_PX] = [12, 28];
/** More are for the table. */
const MOST_PAIRS = 16;

/** A pair that changes places once. */
interface Change {
  /** The one that is faster from there on, by its name in the key. */
  readonly model: string;
  readonly before: string;
  readonly label: string;
  readonly n: number;
  readonly low: number;
  readonly high: number;
  /** The length with its interval, as tables have it. */
  readonly at: string;
}

/** The pairs of a group in the order of their lengths, each with its interval as far as was measured; as high as they need. */
export function crossoversPanel({ group, models, names, width }: Frame, analysis: Analysis): Panel {
  const title = { text: 'Cross-overs: the length from which on another model is faster' };
  const changes = changesIn(group, analysis);
  if (changes.length === 0 || changes.length > MOST_PAIRS) {
    const reason = changes.length === 0 ? 'none found' : 'many: see the table';
    return emptyPanel(title.text, reason, width, PAIR_PX);
  }
  const x = lengthAxis(lengthsOf(models));
  const height = PAIR_PX * changes.length;
  const rowsAt = (px: number) => {
    const { data, transform } = visible(changes.map((change, i) => ({ ...change, y: i * PAIR_PX + px })));
    return { data, transform: [...transform, { filter: 'indexof(hidden, datum.before) < 0' }] };
  };
  const y = { field: 'y', type: 'quantitative', scale: null, axis: null } as const;
  const scales = modelScales(names);
  const tooltip = [
    { field: 'label', type: 'nominal', title: 'Faster' },
    { field: 'at', type: 'nominal', title: 'From n' },
  ] as const;
  const layer: Layer[] = [
    {
      ...rowsAt(NAME_PX),
      mark: { type: 'text', align: 'left', fontSize: 12, color: INK },
      encoding: { x: { value: 6 }, y, text: { field: 'label' } },
    },
    {
      ...rowsAt(BAR_PX),
      mark: { type: 'rule', strokeWidth: 2 },
      encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' }, y, color: scales.color },
    },
    {
      ...rowsAt(BAR_PX),
      mark: { type: 'point', filled: true, size: 70, opacity: 1 },
      encoding: { x, y, ...scales, tooltip: [...tooltip] },
    },
  ];
  return { title, width, height, layer };
}

function changesIn({ models }: Frame['group'], { crossovers }: Analysis): Change[] {
  const lengths = lengthsOf(models);
  const [first, last] = [lengths[0] ?? 1, max(lengths)];
  const nameOf = new Map(models.map(({ row, name }) => [row, name]));
  const changes = crossovers.flatMap(({ a, b, crossover }) => {
    const [nameA, nameB] = [nameOf.get(a), nameOf.get(b)];
    if (crossover.kind !== 'one' || nameA === undefined || nameB === undefined) return [];
    const { n, ci, fasterAfter } = crossover;
    const [model, before] = fasterAfter === 'a' ? [nameA, nameB] : [nameB, nameA];
    const [low, high] = (ci ?? [n, n]).map((end) => Math.min(last, Math.max(first, end))) as [number, number];
    const label = `first ${shortName(before)}, then ${shortName(model)}`;
    return [{ model, before, label, n, low, high, at: crossoverLength(crossover, lengths) }];
  });
  return changes.sort((one, other) => one.n - other.n);
}
