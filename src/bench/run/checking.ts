/** What comes before the timing: engines of ours check the models; the first counts, and shows what peers are to compute. */
import type { Engine } from '../../engines/engine.js';
import { type CellId, cellKey } from '../../results/cell.js';
import type { Counted } from '../../results/schema.js';
import { checkedLengths, loadOf, promptTokens, rowOf, type Workload, workOf } from '../protocol/plan.js';
import type { Finding } from './ledger.js';
import { Failure } from './process/connection.js';
import {
  type Heard,
  remembered,
  type Task,
  type Worker,
  type WorkerSettings,
  workThroughAll,
} from './process/session.js';
import { makeReference, type Reference } from './references.js';

const BYTES_PER_PARAMETER = 4;

/** What is counted is the same on every engine. */
const workKey = (cell: CellId): string => cellKey({ ...cell, engine: '' });

/** What is to be checked, and who hears of it. */
export interface Unchecked {
  readonly cells: readonly CellId[];
  readonly engines: readonly Engine[];
  readonly workload: Workload;
  readonly settings: WorkerSettings;
  /** Where a file of weights may be, for as long as the run goes on. */
  temporaryFile(name: string): string;
  isUncounted(cell: CellId): boolean;
  hear(heard: Heard): void;
}

/**
 * Checks every model on every engine of ours, and counts what was not counted yet.
 * @param references gets what peers are to compute, by model; nothing where there are none
 */
export async function checkModels(unchecked: Unchecked, references: Map<string, Reference>): Promise<void> {
  const { cells, engines, workload, settings, temporaryFile, isUncounted, hear } = unchecked;
  const [first, ...others] = engines.filter(({ command }) => command === null);
  const hasPeers = engines.some(({ command }) => command !== null);
  const uncounted = cells.filter(isUncounted);
  if (first === undefined) return;
  const unique = new Map((hasPeers ? cells : uncounted).map((cell) => [workKey(cell), { ...cell, engine: first.id }]));
  const open = new Set(uncounted.map(workKey));
  await workThroughAll(first, [...unique.values()], settings, everywhere(unchecked), (left) =>
    checking(unchecked, left, async (worker, cell) => {
      if (hasPeers && !references.has(cell.model)) {
        const file = temporaryFile(`${references.size}.safetensors`);
        references.set(cell.model, await makeReference(worker, cell.model, workload, file));
      }
      if (!open.has(workKey(cell))) return null;
      worker.startOver();
      const { counted } = await worker.ask('count', workOf(cell, workload));
      return { type: 'counted', cell, counted };
    }),
  );
  for (const engine of others) {
    const own = uncounted.filter((cell) => cell.engine === engine.id);
    await workThroughAll(engine, own, settings, hear, (left) => checking(unchecked, left, async () => null));
  }
}

/** Of a cell that was counted, or could not be, all others of the same work hear. */
function everywhere({ cells, engines, hear }: Unchecked): (heard: Heard) => void {
  const peers = new Set(engines.filter(({ command }) => command !== null).map(({ id }) => id));
  return (heard) => {
    if (heard.type !== 'counted' && heard.type !== 'failed') return hear(heard);
    for (const cell of cells.filter((other) => workKey(other) === workKey(heard.cell))) {
      const isOfPeer = heard.type === 'counted' && peers.has(cell.engine);
      hear(isOfPeer ? { ...heard, cell, counted: ofAnyEngine(heard.counted) } : { ...heard, cell });
    }
  };
}

/** FLOPs and the state follow from the model; what an engine makes of it does not. */
const ofAnyEngine = (counted: Counted): Counted => ({
  ...counted,
  ...{ kernels: null, bytes: null, peak_activation_bytes: null },
});

/** Cells whose models are checked, once each, before more is done. */
function checking(
  { workload, hear }: Unchecked,
  cells: readonly CellId[],
  work: (worker: Worker, cell: CellId) => Promise<Finding | null>,
): Task {
  const check = remembered(async (name, worker: Worker) => {
    const { period, params, params_without_head } = await worker.load(name);
    const [, , , longest] = checkedLengths(period);
    await worker.ask('check', { name, tokens: promptTokens(workload, longest) });
    if (params === undefined || params_without_head === undefined)
      throw new Failure('load: must say how many parameters');
    const sizes = { params, params_without_head, param_bytes: BYTES_PER_PARAMETER * params };
    hear({ type: 'model', model: { ...rowOf(workload, name), period, ...sizes } });
  });
  return {
    cells,
    loading: (model) => loadOf(workload, model, null),
    async work(worker, cell) {
      await check(cell.model, worker);
      return work(worker, cell);
    },
  };
}
