/** The bytes that `--prompt` names. */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { check, messageOf } from '../../src/errors.js';

export interface Prompt {
  /** As many as were asked for, fewer where there are no more. */
  readonly bytes: Uint8Array;
  /** Of a file, all of it; of a pipe or a device, which may never end, `bytes`. */
  readonly sha256: string;
}

const BLOCK_BYTES = 65_536;

/**
 * Reads the first bytes of a file, pipe or device, and of a pipe or device no more than those.
 * @throws UserError when it cannot be read or is empty
 */
export function readPrompt(path: string, most: number): Prompt {
  let prompt: Prompt;
  try {
    const file = openSync(path, 'r');
    try {
      prompt = readFrom(file, most);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    check(false, `--prompt: cannot read ${path} (${messageOf(error)})`);
  }
  check(prompt.bytes.length > 0, `--prompt: must hold at least one byte, got the empty file ${path}`);
  return prompt;
}

function readFrom(file: number, most: number): Prompt {
  const hash = createHash('sha256');
  const kept = Buffer.alloc(most);
  const block = Buffer.alloc(BLOCK_BYTES);
  const isWholeHashed = fstatSync(file).isFile();
  let size = 0;
  for (;;) {
    const wanted = isWholeHashed ? BLOCK_BYTES : Math.min(BLOCK_BYTES, most - size);
    const read = block.subarray(0, wanted === 0 ? 0 : readSync(file, block, 0, wanted, null));
    if (read.length === 0) break;
    hash.update(read);
    size += read.copy(kept, size);
  }
  return { bytes: kept.subarray(0, size), sha256: hash.digest('hex') };
}
