/** What there is to be noted in what is heard of processes. */
import type { Engine } from '../../engines/engine.js';
import type { EngineEntry } from '../../results/schema.js';
import type { Finding } from './ledger.js';
import { EngineRefused, type Heard } from './process/session.js';

/**
 * The finding in what is heard, if there is one. Of an engine that is ready there is none where it is known.
 * @throws EngineRefused when it is another than before: times of two do not belong under one name
 */
export function createFinder(
  { engines, threads }: { readonly engines: readonly Engine[]; readonly threads: number },
  known: readonly EngineEntry[],
): (heard: Heard) => Finding | null {
  const met = new Map(known.map((engine) => [engine.id, engine]));
  const meet = ({ engine: id, info }: Extract<Heard, { type: 'ready' }>): Finding | null => {
    const command = engines.find((engine) => engine.id === id)?.command ?? null;
    const engine = { id, command, threads, ...info };
    const before = met.get(id);
    if (before) checkSame(before, engine);
    met.set(id, engine);
    return before ? null : { type: 'engine', engine };
  };
  return (heard) => {
    if (heard.type === 'ready') return meet(heard);
    return heard.type === 'built' || heard.type === 'start' ? null : heard;
  };
}

function checkSame({ env: _, ...before }: EngineEntry, now: EngineEntry): void {
  for (const key of Object.keys(before) as (keyof typeof before)[]) {
    const [then, got] = [JSON.stringify(before[key]), JSON.stringify(now[key])];
    if (then !== got) throw new EngineRefused(`engine ${now.id}: ${key}: must be ${then} as before, got ${got}`);
  }
}
