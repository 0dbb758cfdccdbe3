/** Says why the native backend must not be loaded, without loading it: a cut library kills the process that does. */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';

const ADDON = 'lib/napi-v8/tfjs_binding.node';
const REMEDY = 'to get it: `npm run setup`';

/**
 * Why the native backend cannot be loaded and what would bring it, or null where nothing speaks against it.
 * An addon that the set-up did not make has no record of sizes and is trusted.
 * @param packageFolder of @tensorflow/tfjs-node
 */
export function nativeProblem(packageFolder: string | null = tfjsNodeFolder()): string | null {
  if (packageFolder === null) return `@tensorflow/tfjs-node is not installed; ${REMEDY}`;
  const addon = join(packageFolder, ADDON);
  if (!existsSync(addon)) return setUpFailure(packageFolder) ?? `the native addon was not built; ${REMEDY}`;
  const folder = dirname(realpathSync(addon));
  const changed = Object.entries(provedSizes(folder)).find(([path, bytes]) => sizeOf(resolve(folder, path)) !== bytes);
  return changed ? `${resolve(folder, changed[0])} is not whole; ${REMEDY}` : null;
}

/** What native/ adds to XLA: products of small matrices, causal attention. */
export type NativeCode = 'small_products' | 'causal_attention';

/** A name that an addon contains if it carries that code. */
const SYMBOLS: Readonly<Record<NativeCode, string>> = {
  small_products: '__xla_cpu_runtime_EigenMatMulF32',
  causal_attention: 'attnscale_causal_attention',
};

/**
 * The code of native/ that the addon carries.
 * @param packageFolder of @tensorflow/tfjs-node
 */
export function nativeCode(packageFolder: string | null = tfjsNodeFolder()): readonly NativeCode[] {
  const addon = join(packageFolder ?? '', ADDON);
  if (!existsSync(addon)) return [];
  const bytes = readFileSync(addon);
  return (Object.keys(SYMBOLS) as NativeCode[]).filter((name) => bytes.includes(SYMBOLS[name]));
}

function tfjsNodeFolder(): string | null {
  try {
    return dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node/package.json'));
  } catch {
    return null;
  }
}

/** What the last set-up of the folder around node_modules noted. */
function setUpFailure(packageFolder: string): string | null {
  const note = resolve(packageFolder, '../../../.native/why_not.txt');
  return existsSync(note) ? (readFileSync(note, 'utf8').split('\n')[0] ?? null) : null;
}

/** Bytes by path, as noted when the addon was proved; a record that cannot be read matches nothing. */
function provedSizes(folder: string): Record<string, number> {
  const record = join(folder, 'ready.json');
  if (!existsSync(record)) return {};
  try {
    return JSON.parse(readFileSync(record, 'utf8')).files;
  } catch {
    return { [record]: Number.NaN };
  }
}

const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size;
