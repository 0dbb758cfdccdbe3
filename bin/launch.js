import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EXIT } from '../scripts/ending.mjs';
import { heedNohup } from './nohup.js';

const FOR_PEOPLE = ['UserError', 'SetUpError'];

/**
 * Runs a command's `main`; in a clone, makes sure first that it is compiled from the sources as they are.
 * @param {string} name of the module in dist/evals
 */
export async function launch(name) {
  heedNohup();
  // A pipe that was closed, a full device, a terminal that is gone: the work goes on, what cannot be printed is dropped.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  try {
    checkFolder();
    await setUpClone();
    const { main } = await import(`../dist/evals/${name}.js`);
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    const isForPeople = FOR_PEOPLE.includes(error.name);
    console.error(isForPeople ? error.message : error);
    process.exitCode = isForPeople ? EXIT.usage : EXIT.internal;
  }
}

/** Relative paths have no meaning in a folder that was deleted. */
function checkFolder() {
  try {
    process.cwd();
  } catch (error) {
    const message = `error: the working folder must exist, got one that was deleted or is hidden (${error.code}); cd to another`;
    throw Object.assign(new Error(message), { name: 'UserError' });
  }
}

async function setUpClone() {
  const root = new URL('..', import.meta.url);
  if (!existsSync(new URL('src', root)) || !existsSync(new URL('package-lock.json', root))) return;
  const { setUp } = await import('../scripts/setup.mjs');
  await setUp({ root: fileURLToPath(root), remind: false });
}
