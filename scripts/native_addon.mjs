/** Compiles tfjs-node's addon, with our code of native/ in it, and proves that it computes. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { firstThatRuns, run } from './run.mjs';
import { Unavailable } from './unavailable.mjs';

const MAC = process.platform === 'darwin';
const NATIVE = fileURLToPath(new URL('../native/', import.meta.url));
const NAMES = readdirSync(NATIVE).sort();
const OWN_SOURCES = NAMES.filter((name) => name.endsWith('.cc')).map((name) => join(NATIVE, name));

/** Tells addons apart that were compiled from other sources of ours, or in another way. */
export function addonRevision() {
  const hash = createHash('sha256');
  const paths = [...NAMES.map((name) => join(NATIVE, name)), fileURLToPath(import.meta.url)];
  for (const path of paths) hash.update(readFileSync(path));
  return hash.digest('hex').slice(0, 12);
}

/**
 * One compiler call; node-gyp is not needed, since node-api-headers has Node's headers.
 * @param {{ headers: string, package: string }} at
 * @param {{ include: string, libraries: readonly string[], near: boolean, to: string, own: boolean }} parts
 *   near: find the libraries relative to the addon, so that both can be moved together; own: with our code
 */
export async function compileAddon(at, { include, libraries, near, to, own }) {
  const [command, ...flags] = await findCompiler();
  const folder = dirname(libraries[0]);
  const rpath = near ? `${MAC ? '@loader_path' : '$ORIGIN'}/${relative(dirname(to), folder)}` : folder;
  const args = [
    ...flags,
    ...['-std=c++17', '-O3', '-fPIC', '-shared', '-w', '-DNAPI_VERSION=8', '-DNODE_GYP_MODULE_NAME=tfjs_binding'],
    // -z now: a missing symbol is an error when the addon is loaded, not the end of the process later.
    ...(MAC ? ['-undefined', 'dynamic_lookup'] : ['-Wl,-z,now']),
    ...['-I', include, '-I', at.headers],
    ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(at.package, 'binding', name)),
    ...[...(own ? OWN_SOURCES : []), ...libraries, '-ldl', `-Wl,-rpath,${rpath}`, '-o', to],
  ];
  const { status, stderr } = await run(command, args, { env: { ...process.env, LC_ALL: 'C' } });
  if (status === 0) return;
  const line = stderr.split('\n').find((text) => /error/i.test(text)) ?? stderr;
  throw new Unavailable(`the addon does not compile (${line.trim().slice(0, 300)})`);
}

/** The compiler's command and flags. */
export async function findCompiler() {
  const asked = process.env['CXX']?.trim();
  const commands = asked ? [asked.split(/\s+/)] : [['g++'], ['clang++'], ['c++']];
  const found = await firstThatRuns(commands, ['--version']);
  if (found) return found;
  const what = asked ? `CXX=${asked} does not run` : 'no C++ compiler (g++ or clang++) was found';
  throw new Unavailable(what, `install ${MAC ? 'the Xcode command line tools' : 'g++ 11 or newer'}`);
}

const SMOKE_TEST = `
  process.env.TF_CPP_MIN_LOG_LEVEL = '2';
  Object.assign(require('util'), { isNullOrUndefined: (v) => v == null, isArray: Array.isArray });
  const tf = require(process.argv[1]);
  const a = tf.tensor2d([1, 2, 3, 4], [2, 2]);
  const product = tf.matMul(a, a).dataSync().join();
  if (tf.getBackend() !== 'tensorflow' || product !== '7,10,15,22') throw new Error('wrong result ' + product);
  console.log(tf.backend().binding.TF_Version);`;

/**
 * Runs one operation in a child process, since a bad library kills its process.
 * @param {string} folder of @tensorflow/tfjs-node
 * @returns {Promise<string>} libtensorflow's version
 */
export async function smokeTest(folder) {
  const test = run(process.execPath, ['-e', SMOKE_TEST, folder], { cwd: folder, timeout: 60_000 });
  const { status, signal, stdout, stderr } = await test;
  if (status === 0) return stdout.trim();
  const lines = stderr.trim().split('\n');
  const line = lines.find((text) => /Error: |not be found/.test(text)) ?? lines[0];
  const killed = `killed by ${signal}${signal === 'SIGILL' ? ': this processor lacks AVX' : ''}`;
  const why = signal ? killed : line.replace(/^\w*Error: /, '').slice(0, 300);
  throw new Unavailable(`libtensorflow does not run (${why})`);
}
