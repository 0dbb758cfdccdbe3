import { createModes } from '../src/bench/modes.js';
import { describeModels } from './describe_models.js';

const { run } = createModes().runners.compiled;
const { run: quick } = createModes(undefined, false).runners.compiled;

await describeModels('tensorflow', { eager: undefined, compiled: run, 'compiled quickly': quick });
