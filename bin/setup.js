#!/usr/bin/env node
/** `attnscale-setup`: what `npm run setup` does in a clone, and the native backend of a package that npm installed. */
import { fileURLToPath } from 'node:url';
import { EXIT } from '../scripts/ending.mjs';
import { IS_CLONE } from '../scripts/unavailable.mjs';

const USAGE = `Usage: attnscale-setup

Sets up the native TensorFlow backend of attnscale: libtensorflow from a package that is pinned by its hash (210 MB,
once; python3 and pip fetch it), and the addon that calls it (a C++ compiler makes it). Where it cannot be had it says
all that is missing, and the WebAssembly backend is used.

  TENSORFLOW_LIB_DIR   a folder with lib/ and include/ of libtensorflow, to use instead
  XDG_CACHE_HOME       where it is kept, in attnscale/ (default: the user's cache folder)
  CXX                  the C++ compiler

Exit code: 0 the native backend is ready, 1 it cannot be had, 2 bad usage.
`;

const args = process.argv.slice(2);
if (args.includes('--help') || args.includes('-h')) process.stdout.write(USAGE);
else if (args.length > 0) {
  console.error(`error: attnscale-setup takes no arguments, got ${args.join(' ')}`);
  process.exitCode = EXIT.usage;
} else process.exitCode = (await setUp()) ? EXIT.ok : EXIT.failed;

async function setUp() {
  const root = fileURLToPath(new URL('..', import.meta.url));
  if (IS_CLONE) await (await import('../scripts/setup.mjs')).main(['--retry']);
  const { nativePaths, nativeState, setUpInstalled } = await import('../scripts/setup_native.mjs');
  const state = IS_CLONE ? nativeState(nativePaths(root)) : await setUpInstalled(root);
  return state.kind === 'ready';
}
