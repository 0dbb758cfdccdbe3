import { createModes } from '../../src/bench/measure/modes.js';
import { describeModels } from './describe_models.js';

const { runners, dispose } = createModes({ thoroughly: false });
await describeModels('tensorflow', { 'compiled quickly': { ...runners.compiled, isSlow: true, dispose } });
