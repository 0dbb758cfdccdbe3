/**
 * Gives @tensorflow/tfjs-node its native half without its own download: libtensorflow comes out of a TensorFlow wheel,
 * the addon from one compiler call. Both are kept in the user's cache folder, so that the next clone needs neither
 * network nor compiler:
 *
 *   CACHE/attnscale/tf-VERSION-PLATFORM/{lib,include}     from the wheel; files.json holds their sizes
 *   CACHE/attnscale/tf-VERSION-PLATFORM/addon-VERSION-REVISION/
 *                                                         tfjs_binding.node; ready.json holds sizes once it was proved
 *   node_modules/@tensorflow/tfjs-node/lib/napi-v8/       a link to that addon
 *   .native/why_not.txt                                   why the last attempt failed: it is not repeated at every start
 *
 * TENSORFLOW_LIB_DIR names a folder with lib/ and include/ to use instead of the wheel.
 */
import { accessSync, constants, existsSync, lstatSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { withLock } from './lock.mjs';
import { addonRevision, compileAddon, smokeTest } from './native_addon.mjs';
import { fetchWheel, HOST, LIBRARIES, TENSORFLOW } from './native_wheel.mjs';
import { isWhole, recordOf, writeRecord } from './record.mjs';
import { AGAIN, Unavailable } from './unavailable.mjs';

const ADDON = 'tfjs_binding.node';
const READY = 'ready.json';

/**
 * Where things are for the clone at `root`.
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env
 */
export function nativePaths(root, env = process.env) {
  const home = join(env['HOME'] || homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache');
  const ownFolder = join(root, '.native');
  const folder = join(root, 'node_modules/@tensorflow/tfjs-node');
  return {
    root,
    ownFolder,
    package: folder,
    link: join(folder, 'lib/napi-v8', ADDON), // napi-v8 on Node 20 to 26
    whyNot: join(ownFolder, 'why_not.txt'),
    userFolder: env['TENSORFLOW_LIB_DIR'] ? resolve(env['TENSORFLOW_LIB_DIR']) : '',
    caches: [join(env['XDG_CACHE_HOME'] || home, 'attnscale'), ownFolder],
  };
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
 * Whether the linked addon was proved, with the libraries that are asked for, all files still have their sizes, and
 * what we compiled was compiled from the sources as they are now.
 */
function isReady(at) {
  if (!existsSync(at.link)) return false;
  const record = join(dirname(realpathSync(at.link)), READY);
  if (!isWhole(record)) return false;
  const { userFolder, revision } = recordOf(record);
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

/** @returns {Promise<string>} the version of libtensorflow, after it has computed something */
async function provide(at, say) {
  if (!existsSync(at.package)) {
    throw new Unavailable('npm left @tensorflow/tfjs-node out', `\`npm ci --ignore-scripts\`, ${AGAIN}`);
  }
  if (at.userFolder) return buildAddon(at, at.userFolder, join(at.ownFolder, 'addon'), say);
  if (lstatSync(at.link, { throwIfNoEntry: false })?.isFile()) {
    const version = await adoptForeign(at).catch(() => null);
    if (version) return version;
  }
  const cache = at.caches.find(isWritable);
  if (!cache) throw new Unavailable(`${at.caches.join(' and ')} cannot be written`);
  const wait = () => say('waiting for the set-up of another clone');
  return withLock(join(cache, 'cache.lock'), () => fromCache(at, cache, say), wait);
}

/** Takes the addon that tfjs-node's own installer put in place. */
async function adoptForeign(at) {
  const version = await smokeTest(at.root);
  const folder = join(at.package, 'deps/lib');
  const libraries = (await readdir(folder)).filter((name) => name.includes('tensorflow'));
  await writeRecord(join(dirname(at.link), READY), [at.link, ...libraries.map((name) => join(folder, name))]);
  return version;
}

function isWritable(folder) {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function fromCache(at, cache, say) {
  const store = join(cache, `tf-${TENSORFLOW}-${HOST}`);
  const addon = join(store, `addon-${recordOf(join(at.package, 'package.json')).version}-${addonRevision()}`);
  if (isWhole(join(addon, READY))) {
    await link(at, addon);
    const version = await smokeTest(at.root).catch(() => null);
    if (version) return version;
  }
  if (!isWhole(join(store, 'files.json'))) await fetchWheel(store, say);
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
    return smokeTest(at.root);
  };
  const version = await build(true).catch(async ({ message }) => {
    const without = await build(false);
    say(`without our code for XLA, which is slower (${message})`);
    return without;
  });
  const made = { userFolder: at.userFolder, revision: addonRevision() };
  await writeRecord(join(addon, READY), [binary, ...libraries], made);
  return version;
}

function librariesIn(folder) {
  const [cc, framework] = LIBRARIES.map((name) => join(folder, name));
  const plain = cc.replace('_cc', ''); // its name in TensorFlow's own archives
  const libraries = [existsSync(plain) ? plain : cc, framework];
  const missing = libraries.find((path) => !existsSync(path));
  if (missing) throw new Unavailable(`${missing} does not exist`, `correct TENSORFLOW_LIB_DIR, ${AGAIN}`);
  return libraries;
}

/** Replaces the addon in node_modules by a link to the one in `addon`. */
async function link(at, addon) {
  await mkdir(dirname(at.link), { recursive: true });
  await rm(`${at.link}.new`, { force: true });
  await symlink(join(addon, ADDON), `${at.link}.new`);
  await rename(`${at.link}.new`, at.link);
}
