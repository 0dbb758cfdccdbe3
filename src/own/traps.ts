/** Whatever a function of a model may not do is refused while it runs: its result follows from its arguments alone. */
import { UserError } from '../errors.js';
import * as tf from '../tf.js';
import type { Watch } from './guard.js';

/** A method, how a person calls it, and what is wrong with it. */
type Trap = readonly [holder: object, method: string, name: string, rule: string];

const CLOCK = 'must not read the clock';
const CHANCE = 'must not draw random numbers but those of its weights';
const VALUES = 'must not read values of tensors, which a graph has not yet';

const TRAPS: readonly Trap[] = [
  [Date, 'now', 'Date.now', CLOCK],
  [performance, 'now', 'performance.now', CLOCK],
  [process, 'hrtime', 'process.hrtime', CLOCK],
  [Math, 'random', 'Math.random', CHANCE],
  ...(['dataSync', 'arraySync', 'data', 'array'] as const).map(
    (method): Trap => [tf.Tensor.prototype, method, method, VALUES],
  ),
];
/** These run on the host and hand out what a graph starts from. */
const ON_HOST = /: (decode|init|stateFloats|mixer|model)$/;

/** Sets the traps while the outermost function runs. */
export function trapping(): Watch {
  let depth = 0;
  let undo: (() => void)[] = [];
  return {
    enter(where) {
      if (depth++ > 0) return;
      const set = TRAPS.filter(([, , , rule]) => rule !== VALUES || !ON_HOST.test(where));
      undo = [...set.map(replace), replaceDate()];
    },
    leave() {
      if (--depth > 0) return;
      for (const restore of undo) restore();
      undo = [];
    },
  };
}

function replace([holder, method, name, rule]: Trap): () => void {
  const own = Object.getOwnPropertyDescriptor(holder, method);
  const trap = (): never => {
    throw new UserError(`${rule}, got a call of ${name}`);
  };
  Object.defineProperty(holder, method, { value: trap, configurable: true, writable: true });
  return () => {
    if (own) Object.defineProperty(holder, method, own);
    else Reflect.deleteProperty(holder, method);
  };
}

/** `new Date()` and `Date()`, which say the time; those of a given time do not. */
function replaceDate(): () => void {
  const { Date: own } = globalThis;
  const refuse = (): never => {
    throw new UserError(`${CLOCK}, got a call of Date`);
  };
  globalThis.Date = new Proxy(own, {
    apply: refuse,
    construct: (target, args) => (args.length === 0 ? refuse() : Reflect.construct(target, args)),
  });
  return () => {
    globalThis.Date = own;
  };
}
