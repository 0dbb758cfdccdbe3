/** How long the next process will take, learnt from what the workers of this run said and when. */

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
}

export function createPace(now: Clock): Pace {
  const cellMs = new Map<string, number>();
  const buildMs = new Map<string, number>();
  const startMs = new Map<string, number>();
  let since = now();
  return {
    hear(heard) {
      const ms = now() - since;
      since += ms;
      if (heard.type === 'ready') raise(startMs, heard.engine, ms);
      if (heard.type === 'built') raise(buildMs, cellKey(heard.cell), heard.ms);
      if (heard.type === 'measured') raise(cellMs, cellKey(heard.cell), ms);
    },
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
