/** tfjs-backend-wasm, kernel by kernel: runs wherever Node does. */
import type { OwnEngine } from './engine.js';

export const wasm: OwnEngine = { id: 'wasm', backend: 'wasm', way: 'eager', devices: ['cpu'], problem: () => null };
