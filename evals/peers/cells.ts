/** Our times against those of PyTorch, from the processes of several rounds. */
import { z } from 'zod';
import { checkSchema } from '../../src/errors.js';
import type { Phase } from '../../src/results/words.js';
import { max, median, min } from '../../src/statistics.js';

export const PEER_MODES = ['eager', 'compile'] as const;
export type PeerMode = (typeof PEER_MODES)[number];
export type Side = 'ours' | PeerMode;

/** The phases that both sides have. */
export const PEER_PHASES = ['prefill', 'decode', 'generate'] as const;

export interface PeerCellId {
  readonly model: string;
  readonly phase: Phase;
  /** Tokens of the prompt. */
  readonly n: number;
}

/** The time of each cell of one process, in ms. */
export type CellTimes = ReadonlyMap<string, number>;
/** One process of each side; a side that could not be measured is missing. */
export type Round = ReadonlyMap<Side, CellTimes>;

export interface PeerCell extends PeerCellId {
  /** In the order of the rounds; null where the side was not measured. */
  readonly rounds_ms: Readonly<Partial<Record<Side, readonly (number | null)[]>>>;
  /** Over the rounds. */
  readonly median_ms: Readonly<Partial<Record<Side, number | null>>>;
  readonly faster_peer: PeerMode | null;
  /** Ours over the faster peer: of the medians, and the extremes over rounds that have both. */
  readonly ratio: { readonly value: number; readonly lowest: number; readonly highest: number } | null;
}

export const peerCellKey = ({ model, phase, n }: PeerCellId): string => `${model} ${phase} ${n}`;

const ms = z.number().positive();
const peerFile = z.object({
  torch: z.string().describe('version'),
  cells: z.array(
    z.object({ model: z.string(), n: z.int().positive(), prefill_ms: ms, decode_ms: ms, generate_ms: ms }),
  ),
});

/**
 * Reads what one process of the peer wrote.
 * @param nameOf our name of a model of the peer
 * @throws UserError naming the field that is none of its format
 */
export function parsePeerTimes(value: unknown, nameOf: (peerName: string) => string, where: string): CellTimes {
  const { cells } = checkSchema(peerFile, value, where);
  return new Map(
    cells.flatMap((cell) =>
      PEER_PHASES.map((phase): [string, number] => [
        peerCellKey({ model: nameOf(cell.model), phase, n: cell.n }),
        cell[`${phase}_ms`],
      ]),
    ),
  );
}

/** Compares each cell over all rounds; the peer mode with the smaller median counts, cell by cell. */
export function comparePeers(
  cells: readonly PeerCellId[],
  rounds: readonly Round[],
  modes: readonly PeerMode[],
): PeerCell[] {
  return cells.map(({ model, phase, n }) => {
    const key = peerCellKey({ model, phase, n });
    const timesOf = (side: Side): (number | null)[] => rounds.map((round) => round.get(side)?.get(key) ?? null);
    const sides = (['ours', ...modes] as const).map((side) => {
      const times = timesOf(side);
      return { side, times, median: medianOf(times) };
    });
    const ours = sides[0] as (typeof sides)[number];
    const [faster] = sides
      .slice(1)
      .filter((peer) => peer.median !== null)
      .sort((a, b) => Number(a.median) - Number(b.median));
    return {
      ...{ model, phase, n },
      rounds_ms: Object.fromEntries(sides.map(({ side, times }) => [side, times])),
      median_ms: Object.fromEntries(sides.map(({ side, median: value }) => [side, value])),
      faster_peer: (faster?.side as PeerMode | undefined) ?? null,
      ratio: faster === undefined ? null : ratioOf(ours.times, faster.times),
    };
  });
}

function medianOf(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : median(known);
}

/** Null unless some round has both. */
function ratioOf(ours: readonly (number | null)[], peer: readonly (number | null)[]): PeerCell['ratio'] {
  const ratios = ours.flatMap((time, round) => {
    const other = peer[round] ?? null;
    return time === null || other === null ? [] : [time / other];
  });
  if (ratios.length === 0) return null;
  const value = Number(medianOf(ours)) / Number(medianOf(peer));
  return { value, lowest: min(ratios), highest: max(ratios) };
}
