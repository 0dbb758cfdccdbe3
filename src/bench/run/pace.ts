/** How far a process is, and how long the next will take, learnt from what the workers of this run said and when. */

import { type CellId, cellKey } from '../../results/cell.js';
import type { Heard } from './process/session.js';
import type { Clock } from './sampling.js';

export interface Pace {
  /** To be told of everything as it comes. */
  hear(heard: Heard): void;
  /**
   * The longest times of these cells so far, each as often as it is there; and once what two processes do side by side:
   * the longest starts of their engines' processes, and what it took to build the cells. What is not known yet takes 0.
   */
  expectedMs(cells: readonly CellId[]): number;
  /** Visits made to cells whose last one is still to come. */
  visits(): number;
}

export function createPace(now: Clock): Pace {
  const cellMs = new Map<string, number>();
  const buildMs = new Map<string, number>();
  const startMs = new Map<string, number>();
  /** Of cells that are to be visited again: the visits that are over, and how long they took. */
  const open = new Map<string, { readonly ms: number; readonly visits: number }>();
  let visit: Extract<Heard, { type: 'start' }> | null = null;
  let since = now();
  return {
    hear(heard) {
      const ms = now() - since;
      since += ms;
      if (visit !== null && !visit.isLast) {
        const before = open.get(cellKey(visit.cell)) ?? { ms: 0, visits: 0 };
        open.set(cellKey(visit.cell), { ms: before.ms + ms, visits: before.visits + 1 });
      }
      visit = heard.type === 'start' ? heard : null;
      if (heard.type === 'ready') raise(startMs, heard.engine, ms);
      if (heard.type === 'built') raise(buildMs, cellKey(heard.cell), heard.ms);
      if (heard.type === 'measured') raise(cellMs, cellKey(heard.cell), ms + (open.get(cellKey(heard.cell))?.ms ?? 0));
      if (heard.type === 'measured' || heard.type === 'failed') open.delete(cellKey(heard.cell));
    },
    visits: () => sum([...open.values()].map(({ visits }) => visits)),
    expectedMs: (cells) =>
      sum(cells.map((cell) => cellMs.get(cellKey(cell)) ?? 0)) +
      sum(once(cells.map(cellKey)).map((cell) => buildMs.get(cell) ?? 0)) +
      sum(once(cells.map(({ engine }) => engine)).map((engine) => startMs.get(engine) ?? 0)),
  };
}

const once = (names: readonly string[]): string[] => [...new Set(names)];

function raise(longest: Map<string, number>, key: string, ms: number): void {
  longest.set(key, Math.max(longest.get(key) ?? 0, ms));
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
