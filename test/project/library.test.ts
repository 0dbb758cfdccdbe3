/** The package as others import it: built, by its own name. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Build, build } from '../support/built.js';

let built: Build;
beforeAll(() => {
  built = build();
});
afterAll(() => built[Symbol.dispose]());

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

test("the README's example of attnscale/analysis prints what it says", () => {
  const example = /```js\n(import [^;]*'attnscale\/analysis';\n[\s\S]*?)```/.exec(README)?.[1] ?? '';
  const promised = [...example.matchAll(/^console\.log\(.*\); \/\/ (.+)$/gm)].map((found) => found[1]);
  expect(promised).toHaveLength(5);
  expect(built.run(example).trimEnd().split('\n')).toEqual(promised);
});
