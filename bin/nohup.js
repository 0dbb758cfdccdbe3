import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { NOHUP } from '../scripts/ending.mjs';

/**
 * Goes on when the terminal is gone, in a command that nohup started. Node listens to HUP again, whatever its parent had
 * ignored; what it leaves of nohup is the command's name, which bash keeps in `_`, and an input that can only be
 * written, which GNU's nohup puts in the place of a terminal.
 */
export function heedNohup() {
  if (process.env[NOHUP] === undefined && basename(process.env['_'] ?? '') !== 'nohup' && !cannotBeRead(0)) return;
  process.env[NOHUP] = '1';
  process.on('SIGHUP', () => {});
}

/** Whether a descriptor is /dev/null, opened for writing alone. */
function cannotBeRead(descriptor) {
  try {
    const flags = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1];
    return readlinkSync(`/proc/self/fd/${descriptor}`) === '/dev/null' && (Number.parseInt(flags, 8) & 3) === 1;
  } catch {
    return false; // not this system
  }
}
