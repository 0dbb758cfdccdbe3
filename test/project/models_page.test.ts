/** docs/models.md says where in the code each equation is: files and names that are there. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MODEL_NAMES } from '../../src/models/registry.js';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = readFileSync(join(ROOT, 'docs/models.md'), 'utf8');
/** An equation or idea, and where it is. */
const ROWS = [...PAGE.matchAll(/^\| (.*) \| (.*`.*) \|$/gm)].slice(1).map(([, idea, code]) => [idea, code] as const);

/** The text of a file, or of all files of a folder. */
function sourceOf(path: string): string {
  const place = join(ROOT, /^(src|evals|test)\//.test(path) ? '' : 'src/models', path);
  const files = path.endsWith('/') ? readdirSync(place).filter((name) => name.endsWith('.ts')) : [''];
  return files.map((file) => readFileSync(join(place, file), 'utf8')).join('\n');
}

test.each(ROWS)('%s: is where the table says', (_, code = '') => {
  let source = '';
  for (const [, word = ''] of code.matchAll(/`([^`]+)`/g)) {
    if (/[./]/.test(word)) source = sourceOf(word);
    else expect(source).toMatch(new RegExp(`\\b${word}\\b`));
  }
});

test.each(MODEL_NAMES)('%s has its equations under its name', (name) => {
  const section = PAGE.split(new RegExp(`^(?:## |\\*\\*)${name}\\b`, 'm'))[1] ?? '';
  expect(section.split(/^(?:## |\*\*)\w/m)[0]).toMatch(/^ {4}\S/m);
});
