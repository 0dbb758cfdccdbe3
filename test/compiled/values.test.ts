/** The contract of docs/compiled.md for callers without types: every value is handled, or refused by name. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CompileOptions, compile, fuse, loop } from '../../src/compiled/compile.js';
import { formOf } from '../../src/compiled/record/form.js';
import * as tf from '../../src/tf.js';
import type { Tree } from '../../src/tree.js';
import { errorOf } from './compiled_support.js';

const { backend } = await tf.initBackend('auto');
const compiledTest = test.skipIf(backend !== 'tensorflow');

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

/** `value` without its type, as plain JavaScript passes it. */
const untyped = <T>(value: unknown): T => value as T;

const RULE = 'must be a tensor (float32, int32 or bool), a number or a boolean, or an array or plain object of such';

class Pair {
  readonly left = 1;
}
class List extends Array<number> {}
const cyclic: Record<string, unknown> = { n: 1 };
cyclic['deep'] = [{ again: cyclic }];
const disposed = tf.scalar(1);
disposed.dispose();
const complex = tf.complex(1, 2);
const deep = (levels: number): Tree => (levels === 0 ? 1 : [deep(levels - 1)]);

/** What it is, where it is refused in it, and how it is called. */
const REFUSED: readonly (readonly [what: string, make: () => unknown, place: string, got: string])[] = [
  ['a string', () => 'causal', '', 'the string "causal"'],
  ['a string with control characters', () => ({ a: 'x\n\u001b[31m' }), '.a', 'the string "x\\n\\u001b[31m"'],
  ['null', () => ({ mask: null }), '.mask', 'null'],
  ['undefined', () => [1, undefined], '[1]', 'undefined'],
  ['a bigint', () => 12n, '', 'the bigint 12'],
  ['a symbol', () => Symbol('s'), '', 'a symbol'],
  ['a function', () => ({ f: Math.max }), '.f', 'a function'],
  ['a Map', () => ({ 'odd key': new Map([['a', 1]]) }), '["odd key"]', 'a Map'],
  ['a Set', () => new Set([1]), '', 'a Set'],
  ['a Date', () => new Date(0), '', 'a Date'],
  ['a typed array', () => [[new Float32Array(2)]], '[0][0]', 'a Float32Array'],
  ['an ArrayBuffer', () => new ArrayBuffer(2), '', 'an ArrayBuffer'],
  ['a Promise', () => Promise.resolve(1), '', 'a Promise'],
  ['an Error', () => new Error('x'), '', 'an Error'],
  ['a regular expression', () => /x/, '', 'a RegExp'],
  ['a class instance', () => new Pair(), '', 'a Pair'],
  ['a boxed number', () => Object(1), '', 'a Number'],
  ['an array of a class of its own', () => List.from([1]), '', 'an Array'],
  ['an object that holds itself', () => cyclic, '.deep[0].again', 'what holds it'],
  ['too many levels', () => deep(5000), '[0]'.repeat(101), 'more than 100 levels'],
  // biome-ignore lint/suspicious/noSparseArray: the hole is the case
  ['an array with a hole', () => [1, , 2], '', 'an array with holes or named values'],
  ['an array with a name', () => Object.assign([1], { mask: 2 }), '', 'an array with holes or named values'],
  ['a symbol as key', () => ({ [Symbol('k')]: 1 }), '', 'an object with symbols or hidden names as keys'],
  [
    'a hidden key',
    () => Object.defineProperty({}, 'k', { value: 1 }),
    '',
    'an object with symbols or hidden names as keys',
  ],
  ['a tensor of strings', () => tf.tensor1d(['a']), '', 'a string tensor'],
  ['a complex tensor', () => complex, '', 'a complex64 tensor'],
  ['a disposed tensor', () => ({ x: disposed }), '.x', 'a disposed tensor'],
];

describe.each(REFUSED)('%s', (_, make, place, got) => {
  compiledTest('is refused among the arguments, at the first call and at later ones', () => {
    const compiled = compile((x: tf.Tensor, _: Tree) => tf.neg(x));
    const x = tf.ones([2]);
    const message = `compile: argument 2${place}: ${RULE}, got ${got}`;
    for (let call = 0; call < 2; call++) expect(errorOf(() => compiled(x, untyped(make())))).toBe(message);
    expect(errorOf(() => compiled.prepare(x, untyped(make())))).toBe(message);
    expect([...compiled(x, 1).dataSync()]).toEqual([-1, -1]);
    compiled.dispose();
  });

  compiledTest('is refused as a result, of a function, of a part and of a loop', () => {
    const x = tf.ones([2]);
    const result = compile((_: tf.Tensor) => untyped<Tree>(make()));
    expect(errorOf(() => result(x))).toBe(`compile: the result${place}: ${RULE}, got ${got}`);
    const part = compile((_: tf.Tensor) => fuse(() => untyped<Tree>(make())));
    expect(errorOf(() => part(x))).toBe(`fuse: the result${place}: ${RULE}, got ${got}`);
    const looped = (y: tf.Tensor) => loop(2, () => untyped<tf.Tensor>(make()), y);
    const message = `loop: the body's result${place}: ${RULE}, got ${got}`;
    expect([errorOf(() => looped(x)), errorOf(() => compile(looped)(x))]).toEqual([message, message]);
    const begun = () => loop(2, (state: Tree) => state, untyped(make()));
    expect(errorOf(begun)).toBe(`loop: the state${place}: ${RULE}, got ${got}`);
    expect(tf.getBackend()).toBe('tensorflow');
  });
});

compiledTest('nothing returned is refused', () => {
  expect(errorOf(() => compile(() => untyped<Tree>(undefined))())).toBe(`compile: the result: ${RULE}, got undefined`);
  expect(errorOf(() => compile(() => [1, true])())).toBe('compile: the function must return a tensor, got none');
});

compiledTest('booleans are told apart, are constants of the graph, and come back', () => {
  const fn = (x: tf.Tensor, { causal }: { causal: boolean }) => ({
    y: tf.mul(x, causal ? 100 : 1),
    done: !causal,
    causal: [causal],
  });
  const compiled = compile(fn);
  const x = tf.tensor1d([3]);
  for (const causal of [true, false, true]) {
    const { y, ...rest } = compiled(x, { causal });
    expect([y.dataSync()[0], rest]).toEqual([causal ? 300 : 3, { done: !causal, causal: [causal] }]);
  }
  const part = compile((input: tf.Tensor, flag: boolean) => fuse(() => ({ y: tf.neg(input), flag })));
  expect(part(x, true).flag).toBe(true);
  tf.dispose([compiled, part].map((each) => each.dispose()));
});

compiledTest('a boolean goes round in a loop, and may not change', () => {
  const fn = (x: tf.Tensor) =>
    loop(2, (state: { y: tf.Tensor; on: boolean }) => ({ ...state, y: tf.add(state.y, 1) }), { y: x, on: true });
  const compiled = compile(fn);
  const { y, on } = compiled(tf.tensor1d([1]));
  expect([y.dataSync()[0], on]).toEqual([3, true]);
  compiled.dispose();
  const flips = (x: tf.Tensor) =>
    loop(2, (state: { y: tf.Tensor; on: boolean }) => ({ ...state, on: !state.on }), { y: x, on: true });
  const message =
    'loop: the body must return the form of its state, {"y":float32[1],"on":true}, got {"y":float32[1],"on":false}';
  expect([errorOf(() => flips(tf.tensor1d([1]))), errorOf(() => compile(flips)(tf.tensor1d([1])))]).toEqual([
    message,
    message,
  ]);
});

compiledTest('numbers of every kind pass, as themselves', () => {
  const compiled = compile((x: tf.Tensor, n: number) => ({ y: tf.add(x, Number.isFinite(n) ? 1 : 2), n }));
  const x = tf.scalar(1);
  for (const n of [0, -0, 1e300, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.MIN_VALUE]) {
    const got = compiled(x, n);
    expect([got.n, got.y.dataSync()[0]]).toEqual([n, Number.isFinite(n) ? 2 : 3]);
  }
  compiled.dispose();
});

compiledTest('objects without a prototype and with odd names pass', () => {
  const compiled = compile((options: { readonly [name: string]: tf.Tensor }) => tf.addN(Object.values(options)));
  const odd = Object.assign(Object.create(null), { constructor: tf.scalar(1), 'a b': tf.scalar(2), '': tf.scalar(4) });
  Object.defineProperty(odd, '__proto__', { value: tf.scalar(8), enumerable: true });
  expect(compiled(odd).dataSync()[0]).toBe(15);
  compiled.dispose();
});

/** Trees without tensors of which no two are equal have no form in common. */
test('different trees have different forms', () => {
  const leaf = fc.oneof(fc.boolean(), fc.double(), fc.integer({ min: -2, max: 2 }));
  const names = fc.oneof(fc.constantFrom('a', 'b', '"', 'a"', ',', ':', '1', '__proto__'), fc.string());
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(names, tie('tree'), { maxKeys: 3 }),
    ),
  }));
  const key = (value: unknown): string =>
    typeof value !== 'object' || value === null
      ? `${typeof value} ${Object.is(value, -0) ? '-0' : value}`
      : JSON.stringify(
          Array.isArray(value) ? value.map(key) : { is: Object.entries(value).map(([k, v]) => [k, key(v)]) },
        );
  fc.assert(
    fc.property(tree, tree, (a, b) => {
      expect(formOf(a, 'a') === formOf(b, 'b')).toBe(key(a) === key(b));
    }),
    { seed: 1, numRuns: 2000 },
  );
  const pairs: [unknown, unknown][] = [
    [true, 1],
    [[1, 2], [[1, 2]]],
    [[[], 1], [[1]]],
    [{ a: 1 }, [1]],
    [{}, []],
    [{ 'a":1,"b': 1 }, { a: 1, b: 1 }],
  ];
  for (const [a, b] of pairs) expect(formOf(a, 'a')).not.toBe(formOf(b, 'b'));
});

const neg = (x: tf.Tensor) => tf.neg(x);
const OPTIONS: readonly (readonly [options: unknown, message: string])[] = [
  [{ optimize: 'all' }, 'compile: optimize must be one of none, graph, parts, whole, got the string "all"'],
  [{ optimize: null }, 'compile: optimize must be one of none, graph, parts, whole, got null'],
  [
    { optimize: 'constructor' },
    'compile: optimize must be one of none, graph, parts, whole, got the string "constructor"',
  ],
  [{ clock: 5 }, 'compile: clock must be a function, got 5'],
  [
    { optimise: 'whole' },
    'compile: the options are engine, device, threads, operators, optimize and clock, got optimise',
  ],
  [null, 'compile: options must be an object, got null'],
  ['whole', 'compile: options must be an object, got the string "whole"'],
];
test.each(OPTIONS)('options %o are refused at once', (options, message) => {
  expect(errorOf(() => compile(neg, untyped<CompileOptions>(options)))).toBe(message);
});

test.each([
  [5, '5'],
  [undefined, 'undefined'],
  [{}, 'an Object'],
  [[neg], 'an Array'],
])('%o instead of a function is refused', (fn, got) => {
  expect(errorOf(() => compile(untyped<typeof neg>(fn)))).toBe(`compile: must be given a function, got ${got}`);
  expect(errorOf(() => fuse(untyped<() => Tree>(fn)))).toBe(`fuse: must be given a function, got ${got}`);
  expect(errorOf(() => loop(1, untyped<typeof neg>(fn), tf.scalar(1)))).toBe(
    `loop: the body must be a function, got ${got}`,
  );
});

compiledTest.each([
  [Number.NaN, 'NaN'],
  [1n, 'the bigint 1'],
  [undefined, 'undefined'],
])('a clock that tells %s is refused', (ms, got) => {
  const compiled = compile(neg, { clock: () => untyped<number>(ms) });
  expect(errorOf(() => compiled(tf.scalar(1)))).toBe(`compile: clock must return milliseconds, got ${got}`);
  compiled.dispose();
});

const COUNTS: readonly (readonly [count: () => unknown, message: string])[] = [
  [() => Number.NaN, 'loop: count must be an integer >= 0, got NaN'],
  [() => -1, 'loop: count must be an integer >= 0, got -1'],
  [() => 1.5, 'loop: count must be an integer >= 0, got 1.5'],
  [() => Number.POSITIVE_INFINITY, 'loop: count must be an integer >= 0, got Infinity'],
  [() => 2 ** 31, 'loop: count must be an integer >= 0, got 2147483648'],
  [() => '3', 'loop: count must be an integer >= 0, got the string "3"'],
  [() => true, 'loop: count must be an integer >= 0, got true'],
  [() => tf.scalar(2), 'loop: count must be an int32 scalar, got float32[]'],
  [() => tf.tensor1d([2], 'int32'), 'loop: count must be an int32 scalar, got int32[1]'],
];
compiledTest.each(COUNTS)('a count of %s is refused in eager and in compiled code', (count, message) => {
  const fn = (x: tf.Tensor) => loop(untyped<number>(count()), neg, x);
  expect([errorOf(() => fn(tf.scalar(1))), errorOf(() => compile(fn)(tf.scalar(1)))]).toEqual([message, message]);
});

compiledTest('prepare inside a compiled function, and a disposed one there, are refused', () => {
  const inner = compile(neg);
  const prepares = compile((x: tf.Tensor) => {
    inner.prepare(x);
    return tf.neg(x);
  });
  expect(errorOf(() => prepares(tf.scalar(1)))).toBe(
    'compile: prepare must be called outside of compiled functions, got a call inside of one',
  );
  inner.dispose();
  const outer = compile((x: tf.Tensor) => inner(x));
  expect(errorOf(() => outer(tf.scalar(1)))).toMatch(/must not be used after dispose/);
});

compiledTest('tensors of another backend are moved, as in eager code', async () => {
  await tf.initBackend('wasm');
  const [x, small, large] = [tf.tensor1d([1, 2]), tf.scalar(3), tf.ones([100, 100])];
  await tf.setBackend('tensorflow');
  const compiled = compile((input: tf.Tensor) => tf.add(tf.mul(input, small), tf.sum(large)));
  for (let call = 0; call < 2; call++) expect([...compiled(x).dataSync()]).toEqual([10_003, 10_006]);
  compiled.dispose();
});
