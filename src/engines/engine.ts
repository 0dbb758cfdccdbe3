/** An engine: what runs models. It is a program that speaks the protocol (docs/protocol.md), one process after the other. */
import type { Device } from '../onnx_check.js';

export interface Engine {
  /** What cells are told apart by, and rows where there is more than one engine. */
  readonly id: string;
  /** Someone else's, as a shell reads it; null for ours, which also check and count. */
  readonly command: string | null;
  /** Whether what is built for a cell stays with the process: it may then be built before, while nobody measures. */
  readonly builds: boolean;
  /** The program and its arguments. */
  readonly program: readonly [file: string, ...args: string[]];
}

/** One of ours: a runtime, used in a way. */
export interface OwnEngine {
  readonly id: string;
  readonly backend: 'tensorflow' | 'onnx' | 'browser' | 'wasm';
  readonly way: 'eager' | 'compiled';
  readonly devices: readonly Device[];
  /** Operators of the runtime that take the place of what models write out. */
  readonly operators?: readonly string[];
  /** Why it cannot be had on this machine and what would bring it; null where nothing speaks against it. */
  problem(): string | null;
}
