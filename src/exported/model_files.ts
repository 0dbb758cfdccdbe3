/** A model as files for runtimes that know nothing of it: ONNX graphs, their weights, and what they are (docs/export.md). */
import { weightsFile } from '../compiled/onnx/file.js';
import { check } from '../errors.js';
import type { Carried, SequenceModel, Stepped } from '../models/model.js';
import * as tf from '../tf.js';
import type { Tree } from '../tree.js';
import { type GraphFile, graphFile, type NamedTensor } from './graph_file.js';

/** Tokens of the prompt, rows, and tokens in all that there is room for. */
export interface Sizes {
  readonly n: number;
  readonly batch: number;
  readonly most: number;
}

/** What model.json says. */
export interface ModelPage {
  readonly format: 1;
  readonly model: string;
  readonly batch_size: number;
  readonly prompt_tokens: number;
  readonly max_tokens: number;
  readonly weights: string;
  readonly carry: string;
  readonly prefill: GraphPage;
  /** The step after `length` tokens is the last of those whose `every` divides length + 1. */
  readonly steps: readonly (GraphPage & { readonly every: number })[];
}
interface GraphPage {
  readonly file: string;
  readonly inputs: readonly NamedTensor[];
  /** @property feeds the input of the next step that it is; null for the logits */
  readonly outputs: readonly (NamedTensor & { readonly feeds: string | null })[];
}

export interface ModelFiles {
  readonly page: ModelPage;
  /** By name, the page among them. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Smaller constants are part of the graphs. */
const EXTERNAL_BYTES = 1024;
/** In words for those who read the page; docs/export.md says more. */
const CARRY =
  'An output is the input of the next step that it feeds; what nothing feeds stays as it was. ' +
  'The step after `length` tokens is the last of `steps` whose `every` divides length + 1. ' +
  'next.token is the most likely one: feed another token in its place to choose by the logits yourself.';

/** @throws UserError when there is no room for the prompt, and for an operation that ONNX has not */
export function modelFiles(model: SequenceModel, params: Tree, { n, batch, most }: Sizes): ModelFiles {
  check(most >= n, `export: there must be room for the prompt of ${n} tokens, got ${most}`);
  const fixed = model.fixedRoom(most);
  const weights = weightsFile('weights.bin', EXTERNAL_BYTES);
  const tokens: tf.Tensor2D = tf.zeros([batch, n], 'int32');
  const prefill = graphFile((prompt) => named(fixed.prefill(params, prompt.tokens)), { tokens }, weights);
  tokens.dispose();
  const { next } = prefill.result;
  const steps = fixed.steps
    .filter(({ every }) => isTaken(every, fixed.steps, n, most))
    .map(({ every, run }) => ({ every, ...graphFile((past: Carried) => named(run(params, past)), next, weights) }));
  const pageOf = ({ inputs, outputs }: GraphFile<Tree>, file: string): GraphPage => ({
    ...{ file, inputs },
    outputs: outputs.map((output) => ({ ...output, feeds: fedBy(output.name) })),
  });
  const page: ModelPage = {
    ...{ format: 1, model: model.name, batch_size: batch, prompt_tokens: n, max_tokens: most, weights: weights.name },
    carry: CARRY,
    prefill: pageOf(prefill, 'prefill.onnx'),
    steps: steps.map((step) => ({ every: step.every, ...pageOf(step, fileOf(step.every)) })),
  };
  return {
    page,
    files: new Map([
      ['model.json', Buffer.from(`${JSON.stringify(page, null, 2)}\n`)],
      ['prefill.onnx', prefill.bytes],
      ...steps.map(({ every, bytes }) => [fileOf(every), bytes] as const),
      [weights.name, weights.bytes()],
    ]),
  };
}

/** Outputs may not have the names of inputs. */
const named = <S extends Tree>({ logits, ...next }: Stepped<S>) => ({ logits, next });
const fedBy = (output: string): string | null => /^next\.(.*)$/.exec(output)?.[1] ?? null;

const fileOf = (every: number): string => (every === 1 ? 'step.onnx' : `step_${every}.onnx`);

/** Whether a step of a kind is taken between n tokens and `most`. */
function isTaken(every: number, steps: readonly { readonly every: number }[], n: number, most: number): boolean {
  for (let length = n + 1; length <= most; length++) {
    if (steps.findLast((step) => length % step.every === 0)?.every === every) return true;
  }
  return false;
}
