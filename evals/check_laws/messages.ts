/** What the thread that holds a model against the laws is given, and says. */
import type { OwnWay } from '../../src/bench/measure/holding.js';

export interface LawTask {
  readonly file: string;
  readonly way: OwnWay;
  /** UTF-8 bytes of what runs at the moment, padded with zeros: read from outside, since it may never return. */
  readonly running: SharedArrayBuffer;
}

export type LawMessage =
  | { readonly type: 'loaded'; readonly name: string; readonly laws: readonly string[] }
  | { readonly type: 'refused'; readonly reason: string }
  /** @property broken where and how; null: the law holds */
  | { readonly type: 'tried'; readonly law: string; readonly broken: string | null };

/** Bytes of `running`. */
const ROOM = 256;

export const makeRunning = (): SharedArrayBuffer => new SharedArrayBuffer(ROOM);

/** @returns `say`, which enters what runs */
export function enterInto(running: SharedArrayBuffer): (what: string) => void {
  const bytes = new Uint8Array(running);
  return (what) => {
    bytes.fill(0);
    bytes.set(new TextEncoder().encode(what).subarray(0, ROOM));
  };
}

export function readRunning(running: SharedArrayBuffer): string {
  const bytes = new Uint8Array(running).slice();
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
