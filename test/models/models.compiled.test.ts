import { createModes } from '../../src/bench/measure/modes.js';
import { describeModels } from './describe_models.js';

const { runners, dispose } = createModes();
await describeModels('tensorflow', { compiled: { ...runners.compiled, isSlow: true, dispose } });
