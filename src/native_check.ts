/** Says why the native backend must not be loaded, without loading it: a cut library kills the process that does. */
import { accessSync, constants, existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { addonProblem } from '#scripts/addon_state.mjs';
import { SET_UP, WITH_OPTIONAL } from '#scripts/unavailable.mjs';

export { SET_UP };

const ADDON = 'lib/napi-v8/tfjs_binding.node';

/**
 * Why the native backend cannot be loaded and what would bring it, or null where nothing speaks against it.
 * An addon that the set-up did not make has no record of its files and is trusted.
 * @param packageFolder of @tensorflow/tfjs-node
 */
export function nativeProblem(packageFolder: string | null = tfjsNodeFolder()): string | null {
  const remedy = `to get it: ${SET_UP}`;
  if (packageFolder === null) {
    return `@tensorflow/tfjs-node is not installed; to get it: ${WITH_OPTIONAL}, then ${SET_UP}`;
  }
  const addon = join(packageFolder, ADDON);
  if (!isThere(addon)) return setUpFailure(packageFolder) ?? `the native addon was not built; ${remedy}`;
  const problem = addonProblem(addon);
  return (
    problem && `${problem}; ${isOurs(packageFolder) ? remedy : 'to get it: a clone or an installation of your own'}`
  );
}

/** Another user's is not for this one to set up. */
function isOurs(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** What cannot be reached is there all the same. */
function isThere(path: string): boolean {
  try {
    return existsSync(realpathSync(path));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

/** What native/ adds to XLA: products, causal attention, results in memory, the feed-forward, softplus. */
export type NativeCode = keyof typeof SYMBOLS;

/** A name that an addon contains if it carries that code. */
const SYMBOLS = {
  small_products: '__xla_cpu_runtime_EigenMatMulF32',
  causal_attention: 'attnscale_causal_attention',
  materialize: 'attnscale_materialize',
  feed_forward: 'attnscale_feed_forward',
  softplus: 'attnscale_softplus',
} as const;

/**
 * The code of native/ that the addon carries; none where it is not to be loaded.
 * @param packageFolder of @tensorflow/tfjs-node
 */
export function nativeCode(packageFolder: string | null = tfjsNodeFolder()): readonly NativeCode[] {
  if (packageFolder === null || nativeProblem(packageFolder) !== null) return [];
  const bytes = readFileSync(join(packageFolder, ADDON));
  return (Object.keys(SYMBOLS) as NativeCode[]).filter((name) => bytes.includes(SYMBOLS[name]));
}

function tfjsNodeFolder(): string | null {
  try {
    return dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node/package.json'));
  } catch {
    return null;
  }
}

/** What the last set-up of the folder around node_modules noted, or of the package in it. */
function setUpFailure(packageFolder: string): string | null {
  const notes = ['../../../.native', '../../.attnscale'].map((own) => resolve(packageFolder, own, 'why_not.txt'));
  const note = notes.find((path) => existsSync(path));
  return note === undefined ? null : (readFileSync(note, 'utf8').split('\n')[0] ?? null);
}
