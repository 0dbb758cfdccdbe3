/** Loads ONNX Runtime, or says why it cannot be: the only file that names onnxruntime-node. */
import { createRequire } from 'node:module';
import { IS_CLONE, isInstalled, WITH_OPTIONAL } from '#scripts/unavailable.mjs';
import { messageOf, UserError } from './errors.js';

/** Where it may run graphs, the first by default. */
export const DEVICES = ['cpu', 'webgpu', 'cuda'] as const;
export type Device = (typeof DEVICES)[number];

/** What the package's own functions wrap. */
export interface OnnxRuntime<Session> {
  readonly binding: { readonly InferenceSession: new () => Session };
  initOrt(): void;
}

const require = createRequire(import.meta.url);
const PLACE = `${process.platform} ${process.arch}`;
const INSTALL = IS_CLONE ? '`npm ci`' : '`npm install attnscale`';

/** @throws UserError where it is not installed, or has no library for this system */
export function loadOnnx<Session>(): OnnxRuntime<Session> {
  if (!isInstalled('onnxruntime-node')) throw new UserError(`onnxruntime-node is not installed; to get it: ${INSTALL}`);
  try {
    silence();
    return require('onnxruntime-node/dist/binding.js') as OnnxRuntime<Session>;
  } catch (error) {
    const reason = messageOf(error).split('\n')[0] ?? '';
    const isMissing = reason.startsWith('Cannot find module');
    throw new UserError(
      isMissing ? `onnxruntime-node has no library for ${PLACE}` : `onnxruntime-node cannot be loaded: ${reason}`,
    );
  }
}

/** What goes wrong is thrown; else it would be on stderr too, in lines of its own. */
function silence(): void {
  const requireBeside = createRequire(require.resolve('onnxruntime-node/package.json'));
  (requireBeside('onnxruntime-common') as { env: { logLevel: string } }).env.logLevel = 'fatal';
}

/** Why nothing can be recorded: tfjs-node's kernels name the operations; its addon is not needed. */
export const recordingProblem = (): string | null =>
  isInstalled('@tensorflow/tfjs-node') ? null : `@tensorflow/tfjs-node is not installed; to get it: ${WITH_OPTIONAL}`;

/** Why the engine cannot be had and what would bring it, or null where nothing speaks against it. */
export function onnxProblem(): string | null {
  const problem = recordingProblem();
  if (problem !== null) return problem;
  try {
    loadOnnx();
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

export const onnxVersion = (): string => require('onnxruntime-node/package.json').version;
