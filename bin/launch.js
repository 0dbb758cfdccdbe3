import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const INTERNAL_ERROR = 70;

/**
 * Runs a command's `main`; in a clone, makes sure first that it is compiled from the sources as they are.
 * @param {string} name of the module in dist/evals
 */
export async function launch(name) {
  process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : INTERNAL_ERROR));
  try {
    await setUpClone();
    const { main } = await import(`../dist/evals/${name}.js`);
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    const isForPeople = error.name === 'UserError' || error.name === 'SetUpError';
    console.error(isForPeople ? error.message : error);
    process.exitCode = isForPeople ? 2 : INTERNAL_ERROR;
  }
}

async function setUpClone() {
  const root = new URL('..', import.meta.url);
  if (!existsSync(new URL('src', root)) || !existsSync(new URL('package-lock.json', root))) return;
  const { setUp } = await import('../scripts/setup.mjs');
  await setUp({ root: fileURLToPath(root), remind: false });
}
