import { createModes } from '../../src/bench/measure/modes.js';
import { onnx } from '../../src/engines/onnx.js';
import { describeModels } from './describe_models.js';

const { runners, dispose } = createModes({ graphs: { engine: 'onnx', operators: onnx.operators ?? [] } });
await describeModels('wasm', { onnx: { ...runners.compiled, dispose } });
