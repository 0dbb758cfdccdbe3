import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { browserProblem, findChromium } from '../../src/browser_check.js';
import { temporaryFolder } from '../support/temporary.js';

/** A folder with a program of this name. */
function folderWith(name: string): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, name), '');
  chmodSync(join(folder, name), 0o755);
  return folder;
}

test('CHROME_PATH comes first, then the usual names in the folders of PATH, in their order', () => {
  const [chromium, chrome] = [folderWith('chromium'), folderWith('google-chrome')];
  const PATH = `${chrome}:${chromium}`;
  expect(findChromium({ PATH })).toBe(join(chromium, 'chromium'));
  expect(findChromium({ PATH: chrome })).toBe(join(chrome, 'google-chrome'));
  expect(findChromium({ PATH, CHROME_PATH: join(chrome, 'google-chrome') })).toBe(join(chrome, 'google-chrome'));
});

test('a CHROME_PATH that is no program is said, and no other is taken', () => {
  const folder = folderWith('chromium');
  mkdirSync(join(folder, 'google-chrome'));
  for (const CHROME_PATH of ['/nowhere/chrome', join(folder, 'google-chrome')]) {
    expect(browserProblem({ PATH: folder, CHROME_PATH })).toBe(`CHROME_PATH must be a program, got ${CHROME_PATH}`);
  }
});

test.skipIf(process.platform !== 'linux')('without a browser, one line says what is missing and what brings it', () => {
  const problem = browserProblem({ PATH: temporaryFolder() });
  expect(problem).toBe(
    'there is no Chromium (chromium, chromium-browser, google-chrome); install one, or name it in CHROME_PATH',
  );
});
