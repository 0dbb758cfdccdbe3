/** The engines of ours: a new one is a file and a line here. */
import { check } from '../errors.js';
import { nearest } from '../nearest.js';
import type { Engine, OwnEngine } from './engine.js';
import { tensorflow, tensorflowEager } from './tensorflow.js';
import { wasm } from './wasm.js';

/** The better first. */
const OWN_ENGINES: readonly OwnEngine[] = [tensorflow, tensorflowEager, wasm];

export const OWN_ENGINE_IDS: readonly string[] = OWN_ENGINES.map(({ id }) => id);

/** @param where the id was read; @throws UserError when none of ours has it */
export function findOwnEngine(id: string, where: string): OwnEngine {
  const found = OWN_ENGINES.find((engine) => engine.id === id);
  const known = OWN_ENGINE_IDS.join(', ');
  check(
    found !== undefined,
    `${where}: no engine is called ${id}; did you mean ${nearest(id, OWN_ENGINE_IDS)}? (${known})`,
  );
  return found;
}

/** The best engine that this machine has, and why it has not the best there is: null where it has. */
export function preferredEngine(): { readonly id: string; readonly reason: string | null } {
  const reason = tensorflow.problem();
  return { id: (reason === null ? tensorflow : wasm).id, reason };
}

/** @param workerFile the program of all engines of ours */
export const ownEngine = (id: string, workerFile: string): Engine => ({
  ...{ id, command: null },
  program: [process.execPath, ...process.execArgv, workerFile, '--engine', id],
});
