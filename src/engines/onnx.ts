/** ONNX Runtime: the graphs of compiled mode, without Python or a compiler, and on GPUs. */
import { DEVICES, onnxProblem } from '../onnx_check.js';
import type { OwnEngine } from './engine.js';

const runtime = { backend: 'onnx', way: 'compiled', devices: DEVICES, problem: () => onnxProblem() } as const;

/** Steps by the runtime's own operator: it takes the place of some twenty nodes, each of which costs as much as it computes. */
export const onnx: OwnEngine = { id: 'onnx', ...runtime, operators: ['LinearAttention:step'] };
/** What recurrent models do with a prompt, by the operator too (docs/linear_attention_op.md). */
export const onnxOperator: OwnEngine = {
  id: 'onnx:op',
  ...runtime,
  operators: ['LinearAttention:step', 'LinearAttention'],
};
