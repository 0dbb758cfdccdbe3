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

/**
 * Whether the addon carries native/small_products.cc, with which XLA multiplies small matrices two to four times as fast.
 * @param packageFolder of @tensorflow/tfjs-node
 */
export function hasSmallProducts(packageFolder: string | null = tfjsNodeFolder()): boolean {
  const addon = join(packageFolder ?? '', ADDON);
  return existsSync(addon) && readFileSync(addon).includes('__xla_cpu_runtime_EigenMatMulF32');
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
