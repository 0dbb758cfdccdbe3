/** Names at the ends of curves, so that nobody has to look them up in the key. */
import type { Row } from './layers.js';
import { visible } from './layers.js';
import { type AxisEncoding, type Layer, modelScales, shortName } from './parts.js';

/** Between two names, so that they do not lie on each other. */
const LINE_PX = 15;
/** Longer ones are cut: the key has them whole. */
const LONGEST = 22;

/** On a narrower page names would leave no room for curves; a picture has no container, so that it always has them. */
const NARROW_PX = 480;

/** A name beside the frame for each model's last point, moved up or down as far as the others need. @param height of the panel, in pixels */
export function endLabels(
  names: readonly string[],
  data: readonly Row[],
  x: AxisEncoding,
  y: AxisEncoding,
  height: number,
): Layer {
  const [low = 1, high = 1] = y.scale.domain;
  const [, right = 1] = x.scale.domain;
  const pixel = (value: number): number => (height * Math.log(value / low)) / Math.log(high / low);
  const value = (px: number): number => low * (high / low) ** (px / height);
  const ends = names.flatMap((model) => data.filter((row) => row.model === model).slice(-1));
  const sorted = ends.map((row) => ({ row, px: pixel(row.value) })).sort((a, b) => a.px - b.px);
  const places = spreadOut(sorted.map(({ px }) => px), height); // biome-ignore format: one thought
  const values = sorted.map(({ row: { model } }, i) => ({
    ...{ model, n: right, value: value(places[i] ?? 0) },
    label: model.length > LONGEST ? `${model.slice(0, LONGEST - 1)}…` : shortName(model),
  }));
  const { data: own, transform } = visible(values);
  return {
    data: own,
    transform: [...transform, { filter: `!(containerSize()[0] < ${NARROW_PX})` }],
    mark: { type: 'text', align: 'left', baseline: 'middle', dx: 12, fontSize: 12 },
    encoding: { x, y, text: { field: 'label' }, color: modelScales(names).color },
  };
}

/** Ascending places at least a line apart, as near to the wanted ones as that allows: neighbours that would overlap are one block around their middle. */
export function spreadOut(wanted: readonly number[], height: number): number[] {
  const gap = Math.min(LINE_PX, height / Math.max(1, wanted.length));
  const blocks: { start: number; size: number }[] = [];
  for (const px of wanted) {
    let block = { start: px, size: 1 };
    for (let before = blocks.at(-1); before !== undefined && endOf(before, gap) > block.start; before = blocks.at(-1)) {
      blocks.pop();
      block = joined(before, block, gap);
    }
    blocks.push(block);
  }
  const inside = blocks.map(({ start, size }) => ({
    start: Math.max(0, Math.min(start, height - gap * (size - 1))),
    size,
  }));
  return inside.flatMap(({ start, size }) => Array.from({ length: size }, (_, i) => start + gap * i));
}

type Block = { readonly start: number; readonly size: number };

const endOf = ({ start, size }: Block, gap: number): number => start + gap * size;

/** Each name is moved as little as its neighbours: the start is the mean of what each of them would choose. */
function joined(a: Block, b: Block, gap: number): Block {
  const size = a.size + b.size;
  return { start: (a.start * a.size + (b.start - gap * a.size) * b.size) / size, size };
}
