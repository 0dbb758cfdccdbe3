/** Files and folders stay small enough to be taken in (circles of imports and the walls between rooms are the linter's). */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const MOST_LINES = 350;
/** About a dozen. */
const MOST_FILES = 14;

const filesOf = (room: string) =>
  readdirSync(join(ROOT, room), { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());

test.each(['src', 'evals'])('no file of %s has more than 350 lines', (room) => {
  const lengths = filesOf(room)
    .filter(({ name }) => name.endsWith('.ts'))
    .map(({ name, parentPath }) => ({ name, lines: readFileSync(join(parentPath, name), 'utf8').split('\n').length }));
  expect(lengths.length).toBeGreaterThan(20);
  expect(lengths.filter(({ lines }) => lines > MOST_LINES)).toEqual([]);
});

test.each(['src', 'evals'])('no folder of %s has more than about a dozen files', (room) => {
  const sizes = new Map<string, number>();
  for (const { parentPath } of filesOf(room)) sizes.set(parentPath, (sizes.get(parentPath) ?? 0) + 1);
  expect(sizes.size).toBeGreaterThan(3);
  expect([...sizes].filter(([, files]) => files > MOST_FILES)).toEqual([]);
});
