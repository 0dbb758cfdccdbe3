/** The only file that names a tfjs package: everything else imports TensorFlow.js from here. */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import util from 'node:util';
import * as core from '@tensorflow/tfjs-core';
import { messageOf, UserError } from './errors.js';
import { type NativeCode, nativeCode, nativeProblem } from './native_check.js';

export * from '@tensorflow/tfjs-core';
export type { NativeCode } from './native_check.js';

export type BackendName = 'tensorflow' | 'wasm';

export interface BackendInfo {
  readonly backend: BackendName;
  /** Version of libtensorflow, or null on wasm. */
  readonly tensorflow: string | null;
  /** The code of native/ that XLA calls. */
  readonly nativeCode: readonly NativeCode[];
  /** Why wasm was chosen where tensorflow would have been preferred, else null. */
  readonly fallbackReason: string | null;
}

let carried: readonly NativeCode[] | null = null;

function carriedCode(): readonly NativeCode[] {
  carried ??= nativeCode();
  return carried;
}

/** Whether the addon carries this code of native/, which XLA can then call. */
export const hasNative = (name: NativeCode): boolean => carriedCode().includes(name);

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
        nativeCode: carriedCode(),
        fallbackReason,
      };
    } catch (error) {
      fallbackReason = messageOf(error).split('\n')[0] ?? '';
      if (name === 'tensorflow') throw new UserError(`tensorflow cannot be loaded: ${fallbackReason}`);
    }
  }
  const { setThreadsCount, setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json'))}/dist/`);
  setThreadsCount(threads);
  await core.setBackend('wasm');
  await core.ready();
  return { backend: 'wasm', tensorflow: null, nativeCode: [], fallbackReason };
}

/**
 * A backend of tfjs-node's without its native addon, with its kernels registered: they name TensorFlow's ops.
 * @param codes what the addon would call dtypes and kinds of attributes
 * @throws UserError where the package is not installed
 */
export function nodeKernelBackend(codes: Readonly<Record<string, number>>): core.KernelBackend {
  keepOldUtilities();
  try {
    require('@tensorflow/tfjs-node/dist/register_all_kernels.js');
    const { NodeJSKernelBackend } = require('@tensorflow/tfjs-node/dist/nodejs_kernel_backend.js');
    return new NodeJSKernelBackend({ ...codes, isUsingGpuDevice: () => false }, '@tensorflow/tfjs-node');
  } catch (error) {
    throw new UserError(
      `compile: the kernels of @tensorflow/tfjs-node must be there, npm install --ignore-scripts brings them, got ${messageOf(error).split('\n')[0]}`,
    );
  }
}

/** tfjs-node 4.22 calls these; Node 23 removed the first and warns about the second. */
function keepOldUtilities(): void {
  Object.assign(util, { isNullOrUndefined: (v: unknown) => v == null, isArray: Array.isArray });
}

/** Loads the native addon and returns libtensorflow's version. */
function loadNative(threads: number): string {
  const problem = nativeProblem();
  if (problem !== null) throw new UserError(problem);
  process.env['TF_NUM_INTRAOP_THREADS'] = String(threads);
  process.env['TF_NUM_INTEROP_THREADS'] = '1';
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  keepOldUtilities();
  require('@tensorflow/tfjs-node');
  return (core.backend() as unknown as { binding: { TF_Version: string } }).binding.TF_Version;
}
