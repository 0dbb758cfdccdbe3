import { createModes } from '../../src/bench/measure/modes.js';
import { describeModels } from './describe_models.js';

const { runners, dispose } = createModes({ graphs: { engine: 'onnx' } });
await describeModels('wasm', { onnx: { ...runners.compiled, dispose } });
