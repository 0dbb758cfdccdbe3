/**
 * Gives @tensorflow/tfjs-node its native half without its own download: libtensorflow comes out of a TensorFlow wheel,
 * the addon from one compiler call. Both are kept in the user's cache folder, so that the next clone needs neither
 * network nor compiler:
 *
 *   CACHE/attnscale/tf-VERSION-PLATFORM/{lib,include}     from the wheel; files.json holds their sizes and hashes
 *   CACHE/attnscale/tf-VERSION-PLATFORM/addon-VERSION-REVISION/
 *                                                         tfjs_binding.node; ready.json holds the same once it was proved
 *   node_modules/@tensorflow/tfjs-node/lib/napi-v8/       a link to that addon
 *   .native/why_not.txt                                   why the last attempt failed: it is not repeated at every start;
 *                                                         of an installed package in node_modules/.attnscale
 *
 * TENSORFLOW_LIB_DIR names a folder with lib/ and include/ to use instead of the wheel.
 */
import { accessSync, constants, existsSync, lstatSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { addonProblem, READY } from './addon_state.mjs';
import { withLock } from './lock.mjs';
import { addonRevision, compileAddon, smokeTest } from './native_addon.mjs';
import { fetchWheel, HOST, LIBRARIES, TENSORFLOW } from './native_wheel.mjs';
import { isProved, recordOf, writeRecord } from './record.mjs';
import { trustProblem } from './trust.mjs';
import { Unavailable, WITH_OPTIONAL, withoutNative } from './unavailable.mjs';

const ADDON = 'tfjs_binding.node';

/**
 * Where things are for the clone or the installed package at `root`.
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env
 */
export function nativePaths(root, env = process.env) {
  const home = join(env['HOME'] || homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache');
  const folder = packageFolder(root, '@tensorflow/tfjs-node');
  const isClone = existsSync(join(root, 'package-lock.json'));
  const ownFolder = isClone ? join(root, '.native') : resolve(folder, '../../.attnscale');
  return {
    ownFolder,
    package: folder,
    headers: join(packageFolder(root, 'node-api-headers'), 'include'),
    link: join(folder, 'lib/napi-v8', ADDON), // napi-v8 on Node 20 to 26
    whyNot: join(ownFolder, 'why_not.txt'),
    userFolder: env['TENSORFLOW_LIB_DIR'] ? resolve(env['TENSORFLOW_LIB_DIR']) : '',
    caches: [join(env['XDG_CACHE_HOME'] || home, 'attnscale'), ownFolder],
  };
}

/** Where npm put a package that is needed at `root`, or would have: an installed package's may lie beside it. */
function packageFolder(root, name) {
  try {
    return dirname(createRequire(join(root, 'package.json')).resolve(`${name}/package.json`));
  } catch {
    return join(root, 'node_modules', name);
  }
}

/**
 * What is known without loading anything, in about a millisecond.
 * @param {ReturnType<typeof nativePaths>} at
 * @returns {{ kind: 'ready' } | { kind: 'failed', reason: string } | { kind: 'to do' }}
 */
export function nativeState(at) {
  if (isReady(at)) return { kind: 'ready' };
  if (!existsSync(at.whyNot)) return { kind: 'to do' };
  const [reason, userFolder] = readFileSync(at.whyNot, 'utf8').split('\n');
  return userFolder === at.userFolder ? { kind: 'failed', reason } : { kind: 'to do' };
}

/**
 * Whether the linked addon was proved, with the libraries that are asked for, nothing speaks against its files, and what
 * we compiled was compiled from the sources as they are now.
 */
function isReady(at) {
  if (!existsSync(at.link) || addonProblem(at.link) !== null) return false;
  const record = recordOf(join(dirname(realpathSync(at.link)), READY));
  if (record === null) return false;
  const { userFolder, revision } = record;
  const isForeign = userFolder === undefined;
  return (!at.userFolder || userFolder === at.userFolder) && (isForeign || revision === addonRevision());
}

/**
 * Sets up the native backend; where it cannot be had, remembers why, so that no later start tries again by itself.
 * @param {ReturnType<typeof nativePaths>} at
 * @param {(line: string) => void} say
 * @returns {Promise<ReturnType<typeof nativeState>>} ready or failed
 */
export async function setUpNative(at, say) {
  await mkdir(at.ownFolder, { recursive: true });
  await rm(at.whyNot, { force: true });
  try {
    say(`native backend ready, TensorFlow ${await provide(at, say)}`);
    return { kind: 'ready' };
  } catch (error) {
    const { message } = error instanceof Unavailable ? error : new Unavailable(error.message);
    const reason = at.userFolder ? `TENSORFLOW_LIB_DIR=${at.userFolder}: ${message}` : message;
    await rm(at.link, { force: true });
    await writeFile(at.whyNot, `${reason}\n${at.userFolder}\n`);
    return { kind: 'failed', reason };
  }
}

/**
 * Sets up the native backend of a package that npm installed, whatever came of it before.
 * @param {string} root
 * @returns {Promise<ReturnType<typeof nativeState>>} ready or failed
 */
export async function setUpInstalled(root) {
  const say = (line) => console.error(`setup: ${line}`);
  const at = nativePaths(root);
  if (isReady(at)) {
    say('native backend ready');
    return { kind: 'ready' };
  }
  const wait = () => say('waiting for another set-up of this package');
  const state = await withLock(join(at.ownFolder, 'setup.lock'), () => setUpNative(at, say), wait);
  if (state.kind === 'failed') say(withoutNative(state.reason));
  return state;
}

/** @returns {Promise<string>} the version of libtensorflow, after it has computed something */
async function provide(at, say) {
  if (!existsSync(at.package)) {
    throw new Unavailable('npm left @tensorflow/tfjs-node out', WITH_OPTIONAL);
  }
  if (at.userFolder) return buildAddon(at, at.userFolder, join(at.ownFolder, 'addon'), say);
  if (lstatSync(at.link, { throwIfNoEntry: false })?.isFile()) {
    const version = await adoptForeign(at).catch(() => null);
    if (version) return version;
  }
  const cache = findCache(at.caches, say);
  const wait = () => say('waiting for the set-up of another clone');
  return withLock(join(cache, 'cache.lock'), () => fromCache(at, cache, say), wait);
}

/** Takes the addon that tfjs-node's own installer put in place. */
async function adoptForeign(at) {
  const version = await smokeTest(at.package);
  const folder = join(at.package, 'deps/lib');
  const libraries = (await readdir(folder)).filter((name) => name.includes('tensorflow'));
  await writeRecord(join(dirname(at.link), READY), [at.link, ...libraries.map((name) => join(folder, name))]);
  return version;
}

/** The first of some folders that is ours and can be written. What speaks against the others is said. */
function findCache(caches, say) {
  const problems = [];
  for (const cache of caches) {
    const problem = cacheProblem(cache);
    if (problem === null) {
      for (const reason of problems) say(`${reason}: ${cache} is used instead`);
      return cache;
    }
    problems.push(problem);
  }
  const remedy = 'set XDG_CACHE_HOME to a folder of your own';
  throw new Unavailable(problems.join(', and '), remedy);
}

function cacheProblem(folder) {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    const path = realpathSync(folder);
    return trustProblem(path, path);
  } catch (error) {
    return `${folder} cannot be written (${error.code})`;
  }
}

async function fromCache(at, cache, say) {
  const store = join(cache, `tf-${TENSORFLOW}-${HOST}`);
  const addon = join(store, `addon-${recordOf(join(at.package, 'package.json')).version}-${addonRevision()}`);
  if ((await isProved(join(addon, READY))) && addonProblem(join(addon, ADDON)) === null) {
    await link(at, addon);
    const version = await smokeTest(at.package).catch(() => null);
    if (version) return version;
  }
  if (!(await isProved(join(store, 'files.json')))) await fetchWheel(store, say);
  return buildAddon(at, store, addon, say);
}

/**
 * Compiles the addon into `addon` against the lib/ and include/ of `folder`, links it and proves it. Our code calls what
 * not every libtensorflow shows: where the addon cannot be had with it, it is made without.
 */
async function buildAddon(at, folder, addon, say) {
  const libraries = librariesIn(join(folder, 'lib'));
  const binary = join(addon, ADDON);
  await rm(addon, { recursive: true, force: true });
  await mkdir(addon, { recursive: true });
  const parts = { include: join(folder, 'include'), libraries, near: folder === dirname(addon), to: binary };
  const build = async (own) => {
    await compileAddon(at, { ...parts, own });
    await link(at, addon);
    return smokeTest(at.package);
  };
  const version = await build(true).catch(async ({ message }) => {
    const without = await build(false);
    say(`without our code for XLA, which is slower (${message})`);
    return without;
  });
  const made = { userFolder: at.userFolder, revision: addonRevision() };
  await writeRecord(join(addon, READY), [binary, ...libraries], made);
  const problem = addonProblem(binary);
  if (problem !== null) throw new Unavailable(problem);
  return version;
}

function librariesIn(folder) {
  const [cc, framework] = LIBRARIES.map((name) => join(folder, name));
  const plain = cc.replace('_cc', ''); // its name in TensorFlow's own archives
  const libraries = [existsSync(plain) ? plain : cc, framework];
  const missing = libraries.find((path) => !existsSync(path));
  if (missing) throw new Unavailable(`${missing} does not exist`, 'correct TENSORFLOW_LIB_DIR');
  return libraries;
}

/** Replaces the addon in node_modules by a link to the one in `addon`. */
async function link(at, addon) {
  await mkdir(dirname(at.link), { recursive: true });
  await rm(`${at.link}.new`, { force: true });
  await symlink(join(addon, ADDON), `${at.link}.new`);
  await rename(`${at.link}.new`, at.link);
}
