/** JavaScript that runs exported files. */
import type { ModelPage } from '../../src/exported/model_files.js';

/** Greedy tokens after a prompt that stands for yours. */
export function exampleOf({ batch_size: B, prompt_tokens: n }: ModelPage, folder: string, vocabSize: number): string {
  return `import { readFileSync } from 'node:fs'; // in a page: fetch, and externalData: [{ path, data }] of model.weights
import * as ort from 'onnxruntime-node'; // in a page: onnxruntime-web
const folder = ${JSON.stringify(`${folder}/`)};
const model = JSON.parse(readFileSync(folder + 'model.json', 'utf8'));
const open = async (graph) => ({ ...graph, session: await ort.InferenceSession.create(folder + graph.file) });
const [prefill, ...steps] = await Promise.all([model.prefill, ...model.steps].map(open));
const ids = Int32Array.from({ length: ${B * n} }, (_, i) => (31 * i) % ${vocabSize}); // your tokens
let [graph, past] = [prefill, { tokens: new ort.Tensor('int32', ids, [${B}, ${n}]) }];
for (let length = model.prompt_tokens; graph !== undefined; length++) {
  const outputs = await graph.session.run(past);
  if (graph === prefill) past = {};
  for (const { name, feeds } of graph.outputs) if (feeds) past[feeds] = outputs[name];
  console.log(...past.token.data); // the most likely next token of each row; outputs.logits to choose for yourself
  graph = length < model.max_tokens ? steps.findLast(({ every }) => (length + 1) % every === 0) : undefined;
}
`;
}
