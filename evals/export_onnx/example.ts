/** JavaScript that runs exported files. */
import type { ModelPage } from '../../src/exported/model_files.js';

/** Greedy tokens after a prompt that stands for yours. */
export function exampleOf({ batch_size: B, prompt_tokens: n }: ModelPage, folder: string, vocabSize: number): string {
  const path = (name: string): string => JSON.stringify(`${folder}/${name}`);
  return `import { readFileSync } from 'node:fs'; // in a page: fetch, and externalData: [{ path, data }] of model.weights
import * as ort from 'onnxruntime-node'; // in a page: onnxruntime-web
const model = JSON.parse(readFileSync(${path('model.json')}, 'utf8'));
const open = async (graph) => ({ ...graph, session: await ort.InferenceSession.create(${path('')} + graph.file) });
const [prefill, ...steps] = await Promise.all([model.prefill, ...model.steps].map(open));
const tokens = Int32Array.from({ length: ${B * n} }, (_, i) => (31 * i) % ${vocabSize}); // yours
let [graph, inputs, state, length] = [prefill, { tokens: new ort.Tensor('int32', tokens, [${B}, ${n}]) }, {}, ${n}];
for (; graph !== undefined; inputs = state) {
  const outputs = await graph.session.run(inputs); // outputs.logits to choose a token by, and put it into state.token
  for (const { name, feeds } of graph.outputs) if (feeds) state[feeds] = outputs[name];
  console.log(...state.token.data); // the most likely of each row
  graph = ++length > model.max_tokens ? undefined : steps.findLast(({ every }) => length % every === 0);
}
`;
}
