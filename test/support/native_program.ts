/** Programs of test/native that call the code of native/ without TensorFlow. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { findCompiler } from '../../scripts/native_addon.mjs';
import { temporaryFolder } from './temporary.js';

const isLinuxX64 = process.platform === 'linux' && process.arch === 'x64';
const compiler = isLinuxX64 ? await findCompiler().catch(() => null) : null;

/** Whether such a program can be compiled. */
export const hasCompiler = compiler !== null;

/** Compiles a program of test/native and runs it. @returns its status and what it printed */
export function runProgram(source: string, ...more: readonly string[]): { status: number | null; stdout: string } {
  const [command, ...flags] = compiler as [string, ...string[]];
  const [file, program] = [join(import.meta.dirname, '../native', source), join(temporaryFolder(), 'check')];
  const compiled = spawnSync(command, [...flags, '-std=c++17', '-O1', file, ...more, '-o', program]);
  expect(compiled.status).toBe(0);
  const { status, stdout } = spawnSync(program, { encoding: 'utf8' });
  return { status, stdout };
}
