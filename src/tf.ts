/** The only file that names a tfjs package: everything else imports TensorFlow.js from here. */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import util from 'node:util';
import * as core from '@tensorflow/tfjs-core';
import { messageOf, UserError } from './errors.js';
import { hasSmallProducts, nativeProblem } from './native_check.js';

export * from '@tensorflow/tfjs-core';

export type BackendName = 'tensorflow' | 'wasm';

export interface BackendInfo {
  readonly backend: BackendName;
  /** Version of libtensorflow, or null on wasm. */
  readonly tensorflow: string | null;
  /** Whether XLA multiplies small matrices with our own code, see native/small_products.cc. */
  readonly smallProducts: boolean;
  /** Why wasm was chosen where tensorflow would have been preferred, else null. */
  readonly fallbackReason: string | null;
}

const require = createRequire(import.meta.url);

/**
 * Selects the backend for this process. Call once, before the first tensor.
 * @param name `auto` takes tensorflow where its addon loads and wasm elsewhere; `tensorflow` never falls back.
 * @param threads intra-op threads of the native backend; read by libtensorflow once, when it is loaded
 * @throws UserError when `tensorflow` is asked for and cannot be loaded
 */
export async function initBackend(name: BackendName | 'auto', threads = 1): Promise<BackendInfo> {
  core.enableProdMode();
  let fallbackReason: string | null = null;
  if (name !== 'wasm') {
    try {
      return {
        backend: 'tensorflow',
        tensorflow: loadNative(threads),
        smallProducts: hasSmallProducts(),
        fallbackReason,
      };
    } catch (error) {
      fallbackReason = messageOf(error).split('\n')[0] ?? '';
      if (name === 'tensorflow') throw new UserError(`--backend: tensorflow cannot be loaded: ${fallbackReason}`);
    }
  }
  const { setThreadsCount, setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json'))}/dist/`);
  setThreadsCount(threads);
  await core.setBackend('wasm');
  await core.ready();
  return { backend: 'wasm', tensorflow: null, smallProducts: false, fallbackReason };
}

/** Loads the native addon and returns libtensorflow's version. */
function loadNative(threads: number): string {
  const problem = nativeProblem();
  if (problem !== null) throw new UserError(problem);
  process.env['TF_NUM_INTRAOP_THREADS'] = String(threads);
  process.env['TF_NUM_INTEROP_THREADS'] = '1';
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  // tfjs-node 4.22 calls these; Node 23 removed the first and warns about the second.
  Object.assign(util, { isNullOrUndefined: (v: unknown) => v == null, isArray: Array.isArray });
  require('@tensorflow/tfjs-node');
  return (core.backend() as unknown as { binding: { TF_Version: string } }).binding.TF_Version;
}
