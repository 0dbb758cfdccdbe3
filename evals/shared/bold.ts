/** Titles in bold: on a terminal alone, since elsewhere (a file, a log, CI) the codes are seen or searched. */
import pc from 'picocolors';
import type { Output } from './command_line.js';

/** @returns what makes a text bold on this output, or leaves it as it is */
export function boldOn({ isTTY }: Output): (text: string) => string {
  return isTTY ? pc.bold : (text) => text;
}
