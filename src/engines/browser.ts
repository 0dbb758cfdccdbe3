/** ONNX Runtime in a page of a headless browser, with the files that export-onnx writes: what a web page would get. */
import { browserProblem } from '../browser_check.js';
import { recordingProblem } from '../onnx_check.js';
import type { OwnEngine } from './engine.js';

export const browser: OwnEngine = {
  id: 'browser',
  backend: 'browser',
  way: 'compiled',
  devices: ['cpu', 'webgpu'],
  problem: () => recordingProblem() ?? browserProblem(),
};
