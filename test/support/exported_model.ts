/** Exported files, run by what their page says alone: nothing here knows a model. */
import * as ort from 'onnxruntime-node';
import type { Ids, Place, Walker } from '../../src/bench/measure/walker.js';
import type { ModelFiles, ModelPage } from '../../src/exported/model_files.js';
import type { SequenceModel } from '../../src/models/model.js';

type Values = Readonly<Record<string, ort.Tensor>>;
type Graph = { readonly session: ort.InferenceSession; readonly outputs: ModelPage['prefill']['outputs'] };

const int32 = (values: readonly number[], shape: readonly number[]) =>
  new ort.Tensor('int32', Int32Array.from(values), shape);

/** @param filesOf what is exported for a prompt of n tokens with room for `most` */
export const exportedWalker = (model: SequenceModel, filesOf: (n: number, most: number) => ModelFiles): Walker => ({
  ...{ name: model.name, period: model.period },
  stateFloats: (_, total) => model.stateFloats(total).allocated,
  walk: (ids, start) => walk(filesOf(start, ids[0]?.length ?? 0), ids, start),
});

async function* walk({ page, files }: ModelFiles, ids: Ids, start: number): AsyncGenerator<Place> {
  const open = async ({ file, outputs }: ModelPage['prefill']): Promise<Graph> => ({
    session: await ort.InferenceSession.create(files.get(file) as Uint8Array, {
      externalData: [{ path: page.weights, data: files.get(page.weights) as Uint8Array }],
    }),
    outputs,
  });
  const prefill = await open(page.prefill);
  const steps = await Promise.all(page.steps.map(async (step) => ({ every: step.every, ...(await open(step)) })));
  let past: Values = {};
  const call = async ({ session, outputs }: Graph, inputs: Values, length: number): Promise<Place> => {
    const got = await session.run(inputs);
    const fed = outputs.flatMap(({ name, feeds }) =>
      feeds === null ? [] : [[feeds, got[name] as ort.Tensor] as const],
    );
    past = { ...past, ...Object.fromEntries(fed) };
    return { length, logits: got['logits']?.data as Float32Array, state: () => statesOf(past) };
  };
  const prompt = ids.flatMap((row) => row.slice(0, start));
  yield await call(prefill, { tokens: int32(prompt, [ids.length, start]) }, start);
  for (let length = start + 1; length <= page.max_tokens; length++) {
    const step = steps.findLast(({ every }) => length % every === 0) as Graph;
    const token = int32(
      ids.map((row) => row[length - 1] as number),
      [ids.length],
    );
    yield await call(step, { ...past, token }, length);
  }
  for (const { session } of [prefill, ...steps]) await session.release();
}

const statesOf = (past: Values): Float32Array[] =>
  Object.entries(past).flatMap(([name, { data }]) => (name.startsWith('state.') ? [data as Float32Array] : []));
