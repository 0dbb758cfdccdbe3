/** How long something may take, in time that it was given. */

export interface TimeLimit {
  stop(): void;
}

/** Longer than a stop is told apart by, short enough to end what is over its time soon. */
const TICK_MS = 250;

/**
 * Calls `onOver` once after `ms` of time in which `isWorking`, unless stopped before. What is counted are ticks of this
 * process, not the clock: a group of processes that was stopped and continued (Ctrl-Z and fg, a laptop that slept) was not
 * given that time.
 */
export function startLimit(ms: number, onOver: () => void, isWorking = (): boolean => true): TimeLimit {
  const tickMs = Math.min(ms, TICK_MS);
  let left = Math.ceil(ms / tickMs);
  const timer = setInterval(() => {
    if (isWorking()) left -= 1;
    if (left > 0) return;
    clearInterval(timer);
    onOver();
  }, tickMs);
  return { stop: () => clearInterval(timer) };
}
