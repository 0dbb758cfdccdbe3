/** The commands as they are shipped: compiled, and run by a process of their own. */
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Build extends Disposable {
  /** The file that npm runs as a command, such as `compare_models`. */
  script(command: string): string;
  /** Starts a command in `cwd`. */
  start(command: string, argv: readonly string[], cwd: string, options?: SpawnOptions): Running;
  /** Runs a module that may import the package by its name. @returns its stdout */
  run(source: string): string;
  /** Has compare-models measure with another worker file. */
  useWorker(file: string): void;
  /** Writes a module that may import ./dist/ too. @returns where it is */
  module(source: string): string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Modules that the process loaded, as addresses. */
  readonly loaded: readonly string[];
}

/** Tells of every module that the command loads, on stdout and behind a mark; not of a worker's, whose stdout is taken. */
const LOADED = 'loaded-module ';
const HOOK = `
import { register } from 'node:module';
import { writeSync } from 'node:fs';
const isWorker = process.argv.includes('--engine');
if (!isWorker) register('data:text/javascript,' + encodeURIComponent(\`
  import { writeSync } from 'node:fs';
  export const load = (url, context, next) => { writeSync(1, '${LOADED}' + url + '\\\\n'); return next(url, context); };
\`));`;

/** Compiles the project into a folder of its own, types unchecked: `npm run verify` checks them. */
export function build(): Build {
  const folder = mkdtempSync(join(tmpdir(), 'attnscale-build-'));
  chmodSync(folder, 0o755); // other users may run it
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [
    tsc,
    '-p',
    ROOT,
    '--noCheck',
    '--declaration',
    'false',
    '--outDir',
    join(folder, 'dist'),
  ]);
  copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  for (const part of ['bin', 'browser', 'examples', 'scripts', 'native'])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction');
  writeFileSync(join(folder, 'hook.mjs'), HOOK);
  const writeModule = (source: string): string => {
    const module = join(folder, 'module.mjs');
    writeFileSync(module, source);
    return module;
  };
  const script = (command: string): string => join(folder, 'bin', `${command}.js`);
  return {
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
    script,
    start(command, argv, cwd, options) {
      const child = spawn(process.execPath, ['--import', join(folder, 'hook.mjs'), script(command), ...argv], {
        ...options,
        cwd,
      });
      return { child, ended: endOf(child) };
    },
    run: (source) => execFileSync(process.execPath, [writeModule(source)], { encoding: 'utf8' }),
    useWorker: (file) => copyFileSync(file, join(folder, 'dist', 'evals', 'compare_worker.js')),
    module: writeModule,
  };
}

async function endOf(child: ChildProcess): Promise<Ended> {
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (part: string) => {
      text[name] += part;
    });
  }
  const code = await new Promise<number | null>((done, fail) => child.on('error', fail).on('close', done));
  const lines = text.stdout.split('\n');
  return {
    code,
    stdout: lines.filter((line) => !line.startsWith(LOADED)).join('\n'),
    stderr: text.stderr,
    loaded: lines.filter((line) => line.startsWith(LOADED)).map((line) => line.slice(LOADED.length)),
  };
}
