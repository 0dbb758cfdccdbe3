import { describeModels } from './describe_models.js';

await describeModels('wasm');
