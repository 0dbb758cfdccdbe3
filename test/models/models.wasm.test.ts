import { describeModels, EAGER } from './describe_models.js';

await describeModels('wasm', { eager: EAGER });
