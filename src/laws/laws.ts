/**
 * What every model obeys (docs/models.md, "Laws"): the tests hold the models of attnscale against them in all engines, and
 * check-laws one's own.
 */
import { check } from '../errors.js';
import { greedyTokens } from '../models/parts/greedy.js';
import { randomWeights } from '../models/weights.js';
import * as tf from '../tf.js';
import { disposeTree, leaves, sizeOfTree, type Tree } from '../tree.js';
import {
  atEachShape,
  checkSame,
  type Law,
  logitsAlong,
  logitsOf,
  longest,
  prefillOf,
  shapeText,
  type Tried,
  valuesOf,
  withModel,
  withTokens,
} from './law.js';
import { futureIsUnseen } from './mixer_law.js';

const stateIsAsSaid = atEachShape((tried, lengths) => {
  const B = 2;
  withTokens(B, longest(lengths), tried.shape, (tokens) => {
    for (const n of lengths) {
      const { logits, state } = prefillOf(tried, tokens, n);
      const where = `prefill of ${n} tokens (${tried.at})`;
      const wrong = [logits, ...leaves(state)].flatMap((x) => [...x.dataSync()]).find((x) => !Number.isFinite(x));
      check(wrong === undefined, `${where}: logits and state must be finite, got ${wrong}`);
      const [floats, { inUse, allocated }] = [sizeOfTree(state), tried.model.stateFloats(n)];
      check(
        floats === B * allocated,
        `${where}: the state of ${B} rows must hold ${B * allocated} floats, as stateFloats says, got ${floats}`,
      );
      check(inUse <= allocated, `${where}: stateFloats must have no more in use than ${allocated}, got ${inUse}`);
      disposeTree([logits, state]);
    }
  });
});

const decodeEqualsPrefill = atEachShape((tried, lengths) => {
  const last = longest(lengths);
  withTokens(1, last, tried.shape, (tokens) => {
    const reference = logitsAlong(tried, tokens, 1);
    for (const n of lengths) {
      const rule = `must give what a prefill of 1 token and ${n - 1} steps give (${tried.at})`;
      checkSame(logitsOf(tried, tokens, n), reference.get(n) ?? [], `prefill of ${n} tokens`, rule);
    }
    for (const [i, m] of lengths.slice(0, -1).entries()) {
      const until = lengths[Math.min(i + 2, lengths.length - 1)] as number;
      for (const [n, got] of logitsAlong(tried, tokens, m, until)) {
        const rule = `must give what a prefill of 1 token and ${n - 1} steps give (${tried.at})`;
        checkSame(got, reference.get(n) ?? [], `prefill of ${m} tokens and ${n - m} steps`, rule);
      }
    }
  });
});

const segmentsDoNotShow: Law = async (subject) => {
  if (subject.createMixer === null) return; // its own affair
  const [shape] = subject.shapes.slice(-1);
  if (shape === undefined) return;
  const [n, end] = [290, 300];
  const tail = (segmentTokens?: number) =>
    withModel(
      subject,
      shape,
      (tried) => withTokens(2, end, shape, (tokens) => [...logitsAlong(tried, tokens, n).values()]),
      segmentTokens === undefined ? {} : { segmentTokens },
    );
  const whole = await tail();
  for (const segmentTokens of [64, 100, 128]) {
    for (const [i, got] of (await tail(segmentTokens)).entries()) {
      const where = `prefill of ${n} tokens by segments of ${segmentTokens}, then ${i} steps`;
      checkSame(got, whole[i] ?? [], where, `must give what it gives at once (${shapeText(shape)})`);
    }
  }
};

const rowsAreIndependent = atEachShape((tried, lengths) => {
  const B = 3;
  const V = tried.shape.vocabSize;
  const n = Math.min(longest(lengths), 20);
  withTokens(B, n, tried.shape, (tokens) => {
    const start = Math.ceil(n / 2);
    const together = logitsAlong(tried, tokens, start);
    for (let b = 0; b < B; b++) {
      const row = tf.slice(tokens, [b, 0], [1, n]);
      for (const [length, alone] of logitsAlong(tried, row, start)) {
        const where = `row ${b} of ${B}, ${length} tokens (${tried.at})`;
        const got = together.get(length)?.slice(b * V, (b + 1) * V) ?? [];
        checkSame(got, alone, where, 'must give what the row gives alone');
      }
      row.dispose();
    }
  });
});

const seedDecides: Law = async (subject) => {
  for (const shape of subject.shapes) {
    const n = Math.min(longest(subject.lengths), 17);
    const run = (seed: number) =>
      withModel(subject, shape, (tried) => withTokens(1, n, shape, (ids) => [...logitsOf(tried, ids, n)]), { seed });
    const [once, again, other] = [await run(1), await run(1), await run(2)];
    const where = `prefill of ${n} tokens (${shapeText(shape)})`;
    check(`${once}` === `${again}`, `${where}: must give the same from the same seed, got other logits`);
    check(`${once}` !== `${other}`, `${where}: must depend on the weights, got the same logits from other ones`);
  }
};

const statesAreValues = atEachShape((tried, lengths) => {
  const { model, params, shape, at } = tried;
  const token = tf.tensor1d([0], 'int32');
  withTokens(1, longest(lengths), shape, (tokens) => {
    for (const n of lengths) {
      const where = `state of ${n} tokens (${at})`;
      const first = prefillOf(tried, tokens, n);
      const before = `${valuesOf(first.state)}`;
      const next = model.step(params, first.state, token);
      const after = `${valuesOf(next.state)}`;
      const again = model.step(params, first.state, token);
      check(
        `${valuesOf(first.state)}` === before,
        `${where}: must stay as it was when it has been stepped, got another`,
      );
      const isSame =
        `${valuesOf(again.state)}` === after && `${next.logits.dataSync()}` === `${again.logits.dataSync()}`;
      check(isSame, `${where}: must step twice to the same result, got another`);
      disposeTree([first.logits, first.state, again.logits, again.state]);
      check(
        `${valuesOf(next.state)}` === after,
        `${where}: must share nothing with its successor, which is gone with it`,
      );
      disposeTree([next.logits, next.state]);
    }
  });
  token.dispose();
});

/** A call, and the tensors alive after it beyond its result. */
function leftBehind(call: () => Tree): { result: Tree; left: number } {
  const { numTensors } = tf.memory();
  const result = call();
  return { result, left: tf.memory().numTensors - numTensors - leaves(result).length };
}

const nothingLeaks = atEachShape((tried, lengths) => {
  const { model, params, shape, at } = tried;
  const token = tf.zeros([2], 'int32') as tf.Tensor1D;
  const expectNone = (what: string, call: () => Tree): Tree => {
    disposeTree(call()); // a compiled mode compiles here
    const { result, left } = leftBehind(call);
    check(left === 0, `${what} (${at}): must leave nothing behind but its result, got ${left} tensors`);
    return result;
  };
  disposeTree(expectNone('init', () => model.init(randomWeights(1))));
  withTokens(2, longest(lengths), shape, (tokens) => {
    for (const n of lengths) {
      const ids = tf.slice(tokens, [0, 0], [2, n]);
      const { logits, state } = model.prefill(params, ids);
      disposeTree(expectNone(`prefill of ${n} tokens`, () => ({ ...model.prefill(params, ids) })));
      disposeTree(expectNone(`step after ${n} tokens`, () => ({ ...model.step(params, state, token) })));
      disposeTree(expectNone(`decode after ${n} tokens`, () => ({ ...model.decode(params, state, token, 3) })));
      disposeTree([logits, state, ids]);
    }
  });
  token.dispose();
});

const decodeIsGreedySteps = atEachShape((tried, lengths) => {
  const { model, params, shape, at } = tried;
  const count = 10;
  withTokens(2, longest(lengths), shape, (tokens) => {
    for (const n of lengths) {
      const { logits, state } = prefillOf(tried, tokens, n);
      const token = tf.zeros([2], 'int32') as tf.Tensor1D;
      const decoded = model.decode(params, state, token, count);
      const expected = greedySteps(tried, state, token, count);
      const where = `decode of ${count} tokens after ${n} (${at})`;
      const got = JSON.stringify(decoded.tokens.arraySync());
      const [same, values] = [JSON.stringify(expected.tokens), valuesOf(decoded.state).flat()];
      check(got === same, `${where}: must give the tokens of single steps, ${same}, got ${got}`);
      checkSame(values, expected.values, where, 'must come to the state of single steps');
      disposeTree([logits, state, token, decoded.tokens, decoded.state]);
    }
  });
});

/** The arg max of each of `count` steps, fed back, by rows; and the values of the last state. */
function greedySteps({ model, params }: Tried, state: Tree, token: tf.Tensor1D, count: number) {
  let [past, last] = [state, token];
  const columns: number[][] = [];
  for (let i = 0; i < count; i++) {
    const out = model.step(params, past, last);
    const next = greedyTokens(out.logits);
    columns.push([...next.dataSync()]);
    disposeTree([out.logits, ...(i === 0 ? [] : [past, last])]);
    [past, last] = [out.state, next];
  }
  const values = valuesOf(past).flat();
  disposeTree([past, last]);
  return { tokens: token.shape[0] === 0 ? [] : columns[0]?.map((_, row) => columns.map((each) => each[row])), values };
}

export const LAWS: Readonly<Record<string, Law>> = {
  'future tokens do not move what is there': futureIsUnseen,
  'logits and state are finite, and the state holds the floats that stateFloats says': stateIsAsSaid,
  'decode equals prefill of the longer prompt, wherever it starts': decodeEqualsPrefill,
  'prefill by segments equals prefill at once': segmentsDoNotShow,
  'a row of a batch equals the row alone': rowsAreIndependent,
  'the seed decides the output': seedDecides,
  'a state steps twice to the same result and its successor outlives it': statesAreValues,
  'a call leaves nothing behind but its result': nothingLeaks,
  'decode is steps that feed back the arg max': decodeIsGreedySteps,
};
