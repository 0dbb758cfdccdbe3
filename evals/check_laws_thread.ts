/** The thread in which check-laws loads a model and holds it against the laws: it may hang, or end the process. */
import { parentPort, workerData } from 'node:worker_threads';
import { type LoadedWay, loadWay } from '../src/bench/measure/in_process.js';
import { messageOf } from '../src/errors.js';
import type { LawSubject } from '../src/laws/law.js';
import { LAWS } from '../src/laws/laws.js';
import type { ModelShape } from '../src/models/model.js';
import { createMixer, createModel, isWhole } from '../src/models/registry.js';
import { watchCalls } from '../src/own/guard.js';
import { addModelFile } from '../src/own/load.js';
import { trapping } from '../src/own/traps.js';
import { enterInto, type LawMessage, type LawTask } from './check_laws/messages.js';

/** The smallest first. */
const SHAPES: readonly ModelShape[] = [
  { vocabSize: 5, hiddenDim: 8, numLayers: 1, numHeads: 1, ffDim: 8 },
  { vocabSize: 17, hiddenDim: 16, numLayers: 2, numHeads: 2, ffDim: 24 },
];
/** The smallest ones, and those around what chunks usually are. */
const LENGTHS = [1, 2, 3, 4, 5, 8, 9, 16, 17, 33, 64, 65, 130];

const { file, way, running } = workerData as LawTask;
const say = (message: LawMessage): void => parentPort?.postMessage(message);
const enter = enterInto(running);

function watchAll(): void {
  const traps = trapping();
  watchCalls({
    enter(where) {
      enter(where);
      traps.enter(where);
    },
    leave() {
      traps.leave();
      enter('');
    },
  });
}

async function check(name: string, { openModes }: LoadedWay): Promise<void> {
  const { runners, dispose } = openModes();
  const subject: LawSubject = {
    create: (shape, options) => createModel(name, shape, {}, { ...runners[way.way], ...options }),
    createMixer: isWhole(name) ? null : (shape) => createMixer(name, shape),
    shapes: SHAPES,
    lengths: LENGTHS,
  };
  for (const [law, holds] of Object.entries(LAWS)) {
    const broken = await holds(subject).then(() => null, messageOf);
    dispose(); // the graphs of its models
    say({ type: 'tried', law, broken });
  }
}

try {
  const loaded = await loadWay(way, 1);
  enter('the module itself');
  const name = await addModelFile(file, 'check-laws');
  enter('');
  say({ type: 'loaded', name, laws: Object.keys(LAWS) });
  watchAll();
  await check(name, loaded);
} catch (error) {
  say({ type: 'refused', reason: messageOf(error) });
}
