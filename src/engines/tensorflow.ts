/** tfjs-node: a model as graphs that XLA compiles, with our native code where it is built, or kernel by kernel. */
import { nativeProblem } from '../native_check.js';
import type { OwnEngine } from './engine.js';

const backend = { backend: 'tensorflow', devices: ['cpu'], problem: () => nativeProblem() } as const;

export const tensorflow: OwnEngine = { id: 'tensorflow', way: 'compiled', ...backend };
export const tensorflowEager: OwnEngine = { id: 'tensorflow-eager', way: 'eager', ...backend };
