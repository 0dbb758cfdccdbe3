import { createModes } from '../../src/bench/measure/modes.js';
import { describeModels } from './describe_models.js';

const modeOf = ({ runners, dispose }: ReturnType<typeof createModes>) => ({ ...runners.compiled, dispose });

await describeModels('tensorflow', {
  compiled: modeOf(createModes()),
  'compiled quickly': modeOf(createModes(undefined, false)),
});
