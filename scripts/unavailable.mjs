import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** Where these scripts are in a clone, not in a package that npm installed: npm publishes no lock file. */
export const IS_CLONE = existsSync(new URL('../package-lock.json', import.meta.url));

/** What sets up the native backend where the user is. */
export const SET_UP = IS_CLONE ? '`npm run setup`' : '`npx attnscale-setup`';

/** What brings in a package that npm leaves out where its own installation fails. */
export const WITH_OPTIONAL = IS_CLONE ? '`npm ci --ignore-scripts`' : '`npm install --ignore-scripts attnscale`';

/** Whether a package is there; it is not loaded. */
export function isInstalled(name) {
  try {
    require.resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** What a set-up says that could not make the native backend. */
export const withoutNative = (reason) =>
  `native TensorFlow is not available, ONNX Runtime or WebAssembly is used: ${reason}`;

/** The native backend cannot be had: why, and what would bring it. */
export class Unavailable extends Error {
  /** @param {string | null} remedy what to do before the set-up; null where it may just be tried again */
  constructor(reason, remedy = null) {
    const last = remedy === null ? `${SET_UP} tries again` : `${remedy}, then ${SET_UP}`;
    super(`${reason}; to get it: ${last}`.replace(/\s+/g, ' '));
    this.reason = reason;
    this.remedy = remedy;
  }
}

/** All that is missing, to be mended at once. */
export function allUnavailable(problems) {
  const remedies = problems.map(({ remedy }) => remedy).filter((remedy) => remedy !== null);
  return new Unavailable(problems.map(({ reason }) => reason).join(', and '), remedies.join(', ') || null);
}
