/** What `npm run peers` prints. */

import { integerText, withInterval } from '../../src/report/format.js';
import type { Table } from '../../src/report/table.js';
import { toTerminal } from '../../src/report/terminal.js';
import type { PeerCell, PeerMode } from './cells.js';

const NONE = '–';
const HEADINGS: Record<PeerMode, string> = { eager: 'PyTorch eager ms', compile: 'PyTorch compiled ms' };

/** One row a cell. */
export function peersText(
  cells: readonly PeerCell[],
  modes: readonly PeerMode[],
  rounds: number,
  noisy: boolean,
  width?: number,
): string {
  const table: Table = {
    title: `attnscale against PyTorch, one thread${noisy ? ' [NOISY MACHINE]' : ''}`,
    columns: ['Model', 'n', 'Phase', 'Ours ms', ...modes.map((mode) => HEADINGS[mode]), 'Ratio'],
    rows: cells.map(({ model, n, phase, median_ms, ratio }) => [
      ...[model, integerText(n), phase],
      ...(['ours', ...modes] as const).map((side) => timeText(median_ms[side] ?? null)),
      ratioText(ratio),
    ]),
    notes: notesOf(rounds),
  };
  return toTerminal([table], (text) => text, width);
}

const timeText = (value: number | null): string => (value === null ? NONE : withInterval({ value, ci: null }));

function ratioText(ratio: PeerCell['ratio']): string {
  if (ratio === null) return NONE;
  const [value, lowest, highest] = [ratio.value, ratio.lowest, ratio.highest].map((number) => number.toFixed(2));
  return ratio.lowest === ratio.highest ? `${value}` : `${value} [${lowest}, ${highest}]`;
}

function notesOf(rounds: number): string[] {
  const several = rounds > 1;
  return [
    `Ratio: ours / the faster PyTorch mode of the cell; below 1 ours is faster.${several ? ` [lowest, highest] of ${rounds} rounds.` : ''}`,
    `Times: the fastest sample of a process${several ? ', median over rounds' : ''}. Decode: one token at depth n.`,
    'Both sides: same shapes, float32, one thread, fresh processes that alternate in random order; the last layer computes its output for the last position only.',
  ];
}
