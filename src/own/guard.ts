/** The functions of a model of one's own, so that what goes wrong in one says which, and what rule it broke. */
import { check, UserError } from '../errors.js';
import type { AnyMixer, Closing } from '../models/mixer.js';
import type { ModelShape, SequenceModel } from '../models/model.js';
import { greedyTokens } from '../models/parts/greedy.js';
import * as tf from '../tf.js';
import { disposeTree, leaves, type Tree } from '../tree.js';

/** What a whole model must say; the rest follows. */
export type OwnModel = Pick<SequenceModel, 'init' | 'prefill' | 'step' | 'stateFloats'> &
  Partial<Pick<SequenceModel, 'period' | 'decode'>>;

/** What looks on while a function of a model runs. */
export interface Watch {
  enter(where: string): void;
  leave(): void;
}
let watch: Watch | null = null;

/** From now on, until another looks on. */
export const watchCalls = (to: Watch | null): void => {
  watch = to;
};

/** Runs a function of a model. @throws UserError naming model and function, whatever it throws */
function called<T>(where: string, fn: () => T): T {
  watch?.enter(where);
  try {
    return fn();
  } catch (error) {
    if (!(error instanceof Error)) throw new UserError(`${where}: must not throw, got ${error}`);
    if (error instanceof UserError) throw new UserError(`${where}: ${error.message}`);
    const [reason] = error.message.split('\n');
    throw new UserError(`${where}: must not throw, got ${error.name}: ${reason}${placeOf(error)}`);
  } finally {
    watch?.leave();
  }
}

/** ` (my_model.js:12)`, of the first line of a stack that is no part of this program or Node. */
function placeOf({ stack = '' }: Error): string {
  const found = [...stack.matchAll(/^ +at .*?([^\s()]+):(\d+):\d+\)?$/gm)].find(
    ([, file = '']) => !/\/node_modules\/|\/dist\/|^node:/.test(file),
  );
  return found ? ` (${found[1]?.split('/').at(-1)}:${found[2]})` : '';
}

/** The same, of a function that is lent tensors. @throws UserError also where it disposed of one */
function lent<T>(where: string, args: Tree, fn: () => T): T {
  const result = called(where, fn);
  const isKept = leaves(args).every((tensor) => !tensor.isDisposed);
  check(isKept, `${where}: must leave its arguments to the caller, got one that it disposed of`);
  return result;
}

function checkShape(where: string, tensor: unknown, shape: readonly number[]): void {
  check(tensor instanceof tf.Tensor, `${where}: must be a tensor [${shape}], got ${typeof tensor}`);
  check(`${tensor.shape}` === `${shape}`, `${where}: must be [${shape}], got [${tensor.shape}]`);
  check(tensor.dtype === 'float32', `${where}: must be float32, got ${tensor.dtype}`);
}

function checkFunctions(where: string, holder: object, names: readonly string[]): void {
  check(typeof holder === 'object' && holder !== null, `${where}: must return an object, got ${typeof holder}`);
  for (const name of names) {
    const value = (holder as Record<string, unknown>)[name];
    check(typeof value === 'function', `${where}: must have a function ${name}, got ${typeof value}`);
  }
}

/** @param make the mixer of one's own */
export function guardMixer(name: string, make: () => AnyMixer, { hiddenDim: d }: ModelShape): AnyMixer {
  const at = (fn: string): string => `${name}: ${fn}`;
  const mixer = called(at('mixer'), make);
  checkFunctions(at('mixer'), mixer, ['parameters', 'empty', 'prefill', 'step', 'stateFloats']);
  const { closing } = mixer;
  return {
    ...mixer,
    parameters: (weights) => called(at('parameters'), () => mixer.parameters(weights)),
    empty: (B) => called(at('empty'), () => mixer.empty(B)),
    prefill(params, past, x, cursor, lastOnly) {
      const mixed = lent(at('prefill'), [params, past, x], () => mixer.prefill(params, past, x, cursor, lastOnly));
      const [B, T] = x.shape;
      checkShape(at(`prefill: y of x [${x.shape}]${lastOnly ? ', lastOnly' : ''}`), mixed.y, [B, lastOnly ? 1 : T, d]);
      return mixed;
    },
    step(params, moving, seen, x, cursor) {
      const mixed = lent(at('step'), [params, moving, seen, x], () => mixer.step(params, moving, seen, x, cursor));
      checkShape(at(`step: y of x [${x.shape}]`), mixed.y, x.shape);
      return mixed;
    },
    closing: closing && guardClosing(at, closing),
    stateFloats: (n) => called(at('stateFloats'), () => mixer.stateFloats(n)),
  };
}

function guardClosing(
  at: (fn: string) => string,
  closing: Closing<Tree, ReturnType<AnyMixer['empty']>>,
): NonNullable<AnyMixer['closing']> {
  return {
    period: closing.period,
    step(params, state, x, cursor) {
      const mixed = lent(at('closing.step'), [params, state, x], () => closing.step(params, state, x, cursor));
      checkShape(at(`closing.step: y of x [${x.shape}]`), mixed.y, x.shape);
      return mixed;
    },
    append: (state, rows, add) => called(at('closing.append'), () => closing.append(state, rows, add)),
  };
}

/** @param make the whole model of one's own */
export function guardModel(name: string, make: () => OwnModel, { vocabSize: V }: ModelShape): SequenceModel {
  const at = (fn: string): string => `${name}: ${fn}`;
  const model = called(at('model'), make);
  checkFunctions(at('model'), model, ['init', 'prefill', 'step', 'stateFloats']);
  const { period = null, decode } = model;
  const guarded: SequenceModel = {
    ...{ name, period },
    init: (weights) => called(at('init'), () => model.init(weights)),
    prefill(params, tokens) {
      const out = lent(at('prefill'), [params, tokens], () => model.prefill(params, tokens));
      checkShape(at(`prefill: logits of tokens [${tokens.shape}]`), out.logits, [tokens.shape[0], V]);
      return out;
    },
    step(params, state, token) {
      const out = lent(at('step'), [params, state, token], () => model.step(params, state, token));
      checkShape(at(`step: logits of token [${token.shape}]`), out.logits, [token.shape[0], V]);
      return out;
    },
    decode: (...args) => (decode ? called(at('decode'), () => decode(...args)) : decodeBySteps(guarded, ...args)),
    stateFloats: (n) => called(at('stateFloats'), () => model.stateFloats(n)),
    fixedRoom() {
      throw new UserError(`${name}: a whole model cannot be written to a file; export a mixer instead`);
    },
  };
  return guarded;
}

function decodeBySteps(model: SequenceModel, ...[params, state, token, count]: Parameters<SequenceModel['decode']>) {
  let [current, last]: [Tree, tf.Tensor1D] = [state, token];
  const columns: tf.Tensor1D[] = [];
  for (let i = 0; i < count; i++) {
    const out = model.step(params, current, last);
    if (current !== state) disposeTree(current);
    current = out.state;
    last = greedyTokens(out.logits);
    out.logits.dispose();
    columns.push(last);
  }
  const tokens = tf.stack(columns, 1) as tf.Tensor2D;
  disposeTree(columns);
  return { tokens, state: current };
}
