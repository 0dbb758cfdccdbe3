import { describeModels, EAGER } from './describe_models.js';

await describeModels('tensorflow', { eager: EAGER });
