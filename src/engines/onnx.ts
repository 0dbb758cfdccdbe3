/** ONNX Runtime: the graphs of compiled mode, without Python or a compiler, and on GPUs. */
import { DEVICES, onnxProblem } from '../onnx_check.js';
import type { OwnEngine } from './engine.js';

export const onnx: OwnEngine = {
  id: 'onnx',
  backend: 'onnx',
  way: 'compiled',
  devices: DEVICES,
  problem: () => onnxProblem(),
};
