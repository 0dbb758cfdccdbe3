/** How long the next process will take, learnt from what the workers of this run said and when. */

import { type CellId, cellKey } from '../../results/cell.js';
import type { WorkerMessage } from '../protocol/messages.js';
import type { Clock } from './sampling.js';

export interface Pace {
  /** To be told of every message as it comes. */
  hear(message: WorkerMessage): void;
  /** The longest start of a process and the longest times of these cells so far; cells that are not known yet take 0. */
  expectedMs(cells: readonly CellId[]): number;
}

export function createPace(now: Clock): Pace {
  const cellMs = new Map<string, number>();
  let startMs = 0;
  let since = now();
  return {
    hear(message) {
      const ms = now() - since;
      since += ms;
      if (message.type === 'ready') startMs = Math.max(startMs, ms);
      if (message.type !== 'measured') return;
      const key = cellKey(message.cell);
      cellMs.set(key, Math.max(cellMs.get(key) ?? 0, ms));
    },
    expectedMs: (cells) => cells.reduce((sum, cell) => sum + (cellMs.get(cellKey(cell)) ?? 0), startMs),
  };
}
