/**
 * Makes a clone runnable: node_modules, dist and the native backend, each only when it is stale.
 * Node's own modules only, since it runs before anything is installed.
 *
 *   node scripts/setup.mjs [--no-native] [--retry] [--rebuild]
 *
 * --no-native (or ATTNSCALE_NATIVE=0) leaves the native backend alone, --retry tries it again after a failure that
 * was remembered, --rebuild compiles dist even when it is current.
 */
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { EXIT } from './ending.mjs';
import { withLock } from './lock.mjs';
import { run } from './run.mjs';
import { nativePaths, nativeState, setUpNative } from './setup_native.mjs';
import { withoutNative } from './unavailable.mjs';

const SOURCES = ['src', 'evals'];
const TO_STDERR = ['ignore', 2, 2];

const isWanted = () => process.env['ATTNSCALE_NATIVE'] !== '0';
const say = (line) => console.error(`setup: ${line}`);

/** A reason to stop that needs no stack. */
class SetUpError extends Error {
  name = 'SetUpError';
}

/**
 * Does what is missing and nothing else.
 * @param {{ root: string, native?: boolean, retry?: boolean, rebuild?: boolean, remind?: boolean }} options
 *   remind: repeat why there is no native backend
 * @throws SetUpError when node_modules or dist cannot be made; a missing native backend is only said
 */
export async function setUp({ root, native = isWanted(), retry = false, rebuild = false, remind = true }) {
  const at = nativePaths(root);
  const isToDo = () => native && (retry || nativeState(at).kind === 'to do');
  const work = async () => {
    await installModules(root);
    if (rebuild || distIsStale(root)) await build(root);
    return isToDo() ? setUpNative(at, say) : nativeState(at);
  };
  const isBuilt = !rebuild && !staleModules(root) && !distIsStale(root);
  if (!isWritable(root)) {
    if (isBuilt) return; // another user's: what it has is used
    throw new SetUpError(`${root} cannot be written: build it as its owner (npm run build), or clone it yourself`);
  }
  const isDone = isBuilt && !isToDo();
  const wait = () => say('waiting for another set-up of this folder');
  const state = isDone ? nativeState(at) : await withLock(join(at.ownFolder, 'setup.lock'), work, wait);
  if (native && state.kind === 'failed' && (remind || !isDone)) {
    say(withoutNative(state.reason));
  }
}

function isWritable(folder) {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Why node_modules does not match package-lock.json, or null when it does. Times are not looked at: a checkout changes
 * them. npm writes its own copy of the lock last, so an interrupted installation has none.
 * @param {string} root
 * @returns {string | null}
 */
export function staleModules(root) {
  const copy = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(copy)) return 'node_modules is missing or incomplete';
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const present = JSON.parse(readFileSync(copy, 'utf8')).packages;
  for (const [path, { version, integrity, optional, devOptional, link }] of Object.entries(wanted)) {
    if (path === '' || link) continue;
    const found = present[path];
    if (!found && (optional || devOptional)) continue;
    if (found?.version !== version || found.integrity !== integrity) return `${path} differs from package-lock.json`;
  }
  for (const path of Object.keys(present)) {
    if (!wanted[path]) return `${path} is not in package-lock.json`;
    if (!existsSync(join(root, path))) return `${path} was deleted`;
  }
  return null;
}

async function installModules(root) {
  // A second round, since a killed set-up may have left its npm running for a while.
  for (let round = 1; staleModules(root); round++) {
    if (round > 2) throw new SetUpError(`npm ci did not help: ${staleModules(root)}`);
    say(`${staleModules(root)}: npm ci`);
    const { status } = await npm(root, ['ci', '--include=dev', '--no-audit', '--no-fund']);
    if (status !== 0 && round === 2) throw new SetUpError('npm ci failed, see above');
  }
}

function npm(root, args) {
  const script = process.env['npm_execpath'];
  const options = { cwd: root, stdio: TO_STDERR };
  if (script?.endsWith('npm-cli.js')) return run(process.execPath, [script, ...args], options);
  return run('npm', args, { ...options, shell: process.platform === 'win32' });
}

/** True when dist was not made from the sources as they are now. */
export function distIsStale(root) {
  const stamp = join(root, 'dist/.built');
  return !existsSync(stamp) || readFileSync(stamp, 'utf8') !== fingerprint(root);
}

/** A hash over path, size and time of every source file: it also sees a deleted file, and times that went back. */
export function fingerprint(root) {
  const hash = createHash('sha256');
  for (const path of ['tsconfig.json', ...sourceFiles(root)]) {
    const { size, mtimeMs } = statSync(join(root, path));
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

function sourceFiles(root) {
  const list = (folder) => readdirSync(join(root, folder), { recursive: true }).map((path) => join(folder, path));
  const paths = SOURCES.filter((folder) => existsSync(join(root, folder))).flatMap(list);
  return paths.filter((path) => /\.(ts|json)$/.test(path)).sort();
}

/** Compiles beside dist and swaps, so that a failed or interrupted build leaves the old one whole. */
async function build(root) {
  const wanted = fingerprint(root);
  const [fresh, old, dist] = [join(root, '.native/dist.new'), join(root, '.native/dist.old'), join(root, 'dist')];
  for (const folder of [fresh, old]) await rm(folder, { recursive: true, force: true });
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { status } = await run(process.execPath, [tsc, '-p', root, '--outDir', fresh], { cwd: root, stdio: TO_STDERR });
  if (status !== 0) throw new SetUpError('the sources do not compile, see above');
  copyJson(root, fresh);
  writeFileSync(join(fresh, '.built'), wanted);
  if (existsSync(dist)) await rename(dist, old);
  await rename(fresh, dist);
  await rm(old, { recursive: true, force: true });
}

/** Data files that are read rather than imported are unknown to the compiler. */
function copyJson(root, to) {
  for (const path of sourceFiles(root).filter((path) => path.endsWith('.json'))) {
    mkdirSync(dirname(join(to, path)), { recursive: true });
    cpSync(join(root, path), join(to, path));
  }
}

/** `npm run setup`. @param {readonly string[]} args */
export async function main(args = process.argv.slice(2)) {
  const flag = { type: 'boolean', default: false };
  try {
    const { values } = parseArgs({ args, options: { 'no-native': flag, retry: flag, rebuild: flag } });
    const native = !values['no-native'] && isWanted();
    const root = dirname(dirname(fileURLToPath(import.meta.url)));
    await setUp({ root, native, retry: values.retry, rebuild: values.rebuild });
  } catch (error) {
    say(error.message);
    process.exitCode = EXIT.failed;
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) await main();
