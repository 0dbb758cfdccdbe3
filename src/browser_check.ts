/** The browser of this machine, and what is missing where there is none. Loads nothing. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { isInstalled } from '#scripts/unavailable.mjs';

/** Names of programs that are Chromium, in the folders of PATH. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'microsoft-edge'];
/** Where systems put it that have no such folders. */
const PLACES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  darwin: ['Google Chrome', 'Chromium', 'Microsoft Edge'].map(
    (name) => `/Applications/${name}.app/Contents/MacOS/${name}`,
  ),
  win32: ['ProgramFiles', 'ProgramFiles(x86)', 'LocalAppData'].flatMap((variable) =>
    ['Google\\Chrome\\Application\\chrome.exe', 'Microsoft\\Edge\\Application\\msedge.exe'].map((file) =>
      join(process.env[variable] ?? 'C:\\', file),
    ),
  ),
};
/** What drives the browser, and what runs models in it: for those who want it, see docs/decisions/009-browser.md. */
const PACKAGES = ['playwright-core', 'onnxruntime-web'];

/** The program that CHROME_PATH names, or else the first of the usual ones; null for none. */
export function findChromium(env: NodeJS.ProcessEnv = process.env): string | null {
  const { CHROME_PATH: named, PATH = '' } = env;
  if (named) return isProgram(named) ? named : null;
  const inPath = NAMES.flatMap((name) => PATH.split(delimiter).map((folder) => join(folder, name)));
  return [...inPath, ...(PLACES[process.platform] ?? [])].find(isProgram) ?? null;
}

/** Why models cannot be run in a browser, and what would bring it; null where nothing speaks against it. */
export function browserProblem(env: NodeJS.ProcessEnv = process.env): string | null {
  const missing = PACKAGES.filter((name) => !isInstalled(name));
  if (missing.length > 0)
    return `${missing.join(' and ')} is not installed; to get it: npm install ${missing.join(' ')}`;
  if (findChromium(env) !== null) return null;
  return env['CHROME_PATH']
    ? `CHROME_PATH must be a program, got ${env['CHROME_PATH']}`
    : `there is no Chromium (${NAMES.slice(0, 3).join(', ')}); install one, or name it in CHROME_PATH`;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
