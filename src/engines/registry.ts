/** The engines of ours: a new one is a file and a line here. */
import { check } from '../errors.js';
import { nearest } from '../nearest.js';
import type { Device } from '../onnx_check.js';
import { browser } from './browser.js';
import type { Engine, OwnEngine } from './engine.js';
import { onnx, onnxOperator } from './onnx.js';
import { tensorflow, tensorflowEager } from './tensorflow.js';
import { wasm } from './wasm.js';

const OWN_ENGINES: readonly OwnEngine[] = [tensorflow, tensorflowEager, onnx, onnxOperator, browser, wasm];
/** The better first; the last one can always be had. */
const BY_PREFERENCE: readonly OwnEngine[] = [tensorflow, onnx, wasm];

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

export interface PreferredEngine {
  readonly id: string;
  /** Those better than it that this machine has not, and why. */
  readonly missing: readonly { readonly id: string; readonly reason: string }[];
}

/** The best engine for a device that this machine has; where none can be had, the last that knows the device. */
export function preferredEngine(device: Device): PreferredEngine {
  const able = BY_PREFERENCE.filter(({ devices }) => devices.includes(device));
  const missing: { id: string; reason: string }[] = [];
  for (const { id, problem } of able.slice(0, -1)) {
    const reason = problem();
    if (reason === null) return { id, missing };
    missing.push({ id, reason });
  }
  return { id: (able.at(-1) as OwnEngine).id, missing };
}

/** @param workerFile the program of all engines of ours */
export function ownEngine({ id, backend, way, devices }: OwnEngine, workerFile: string, device: Device): Engine {
  const place = devices.includes(device) ? device : 'cpu';
  const args = ['--engine', id, '--device', place];
  const builds = backend === 'tensorflow' && way === 'compiled'; // ONNX Runtime's graphs are ready in a fiftieth of the time
  return { id, command: null, builds, program: [process.execPath, ...process.execArgv, workerFile, ...args] };
}
