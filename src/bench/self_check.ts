/** Correct first: what every model must show before it is timed (docs/method.md, A.1). */
import { check } from '../errors.js';
import * as tf from '../tf.js';
import { disposeTree, sizeOfTree } from '../tree.js';
import { relativeError } from './parity.js';
import { promptTokens, type Subject } from './phases.js';
import { selfCheckTokens, type Workload } from './plan.js';

/** float32 sums in another order differ by about 1e-6; a wrong model by about 1. */
const TOLERANCE = 1e-3;
const STEPS = 3;

/**
 * Logits are finite, prefill then steps equals the longer prefill, and the state is as large as the model says.
 * @throws UserError naming the model and the rule it broke
 */
export function selfCheck(subject: Subject, workload: Workload): void {
  const tokens = promptTokens(workload, selfCheckTokens(workload.config));
  try {
    checkSteps(subject, tokens);
  } finally {
    tokens.dispose();
  }
}

function checkSteps({ model, params }: Subject, tokens: tf.Tensor2D): void {
  const [B, T] = tokens.shape;
  const prefix = tf.slice(tokens, [0, 0], [B, T - STEPS]);
  const whole = model.prefill(params, tokens);
  let out = model.prefill(params, prefix);
  for (let position = T - STEPS; position < T; position++) {
    const token = tf.tidy(() => tf.reshape(tf.slice(tokens, [0, position], [B, 1]), [B]) as tf.Tensor1D);
    const next = model.step(params, out.state, token);
    disposeTree([out.logits, out.state, token]);
    out = next;
  }
  const [got, expected] = [out.logits.dataSync(), whole.logits.dataSync()];
  const floats = sizeOfTree(whole.state);
  disposeTree([prefix, whole.logits, whole.state, out.logits, out.state]);
  check(
    expected.every(Number.isFinite),
    `${model.name}: logits must be finite, got ${expected.find((x) => !Number.isFinite(x))}`,
  );
  const error = relativeError(got, expected);
  check(
    error <= TOLERANCE,
    `${model.name}: prefill then steps must equal the longer prefill, got a relative error of ${error}`,
  );
  const stated = B * model.stateFloats(T).allocated;
  check(floats === stated, `${model.name}: a state of ${T} tokens must hold ${stated} floats, got ${floats}`);
}
