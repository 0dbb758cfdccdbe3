/** libtensorflow and the headers the addon needs, out of a TensorFlow wheel pinned by hash. */
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { findCompiler } from './native_addon.mjs';
import { writeRecord } from './record.mjs';
import { firstThatRuns, run } from './run.mjs';
import { allUnavailable, Unavailable } from './unavailable.mjs';
import { unzip } from './unzip.mjs';

export const TENSORFLOW = '2.15.1';
export const HOST = `${process.platform}-${process.arch}`;
const MAC = process.platform === 'darwin';

/** PyPI project, pip platform and sha256 of the wheel. Only linux-x64 was run. */
const WHEELS = {
  'linux-x64': {
    project: 'tensorflow-cpu',
    platform: 'manylinux2014_x86_64',
    sha256: '54660c074d7241a503e81edfd9f5ef5af88f64051b72e2945f26318c790f2d26',
  },
  'linux-arm64': {
    project: 'tensorflow-cpu-aws',
    platform: 'manylinux2014_aarch64',
    sha256: 'd4c3a3a9363bf42999adedbbd514e3a133be2d62f61fee9cfa46aaefb087c09e',
  },
  'darwin-arm64': {
    project: 'tensorflow',
    platform: 'macosx_12_0_arm64',
    sha256: 'aa926114d1e13ffe5b2ea59c3f195216f26646d7fe36e9e5207b291e4b7902ff',
  },
  'darwin-x64': {
    project: 'tensorflow',
    platform: 'macosx_10_15_x86_64',
    sha256: '6761efe511e6ee0f893f60738fefbcc51d6dc386eeaaafea59d21899ef369ffd',
  },
};
export const LIBRARIES = MAC
  ? ['libtensorflow_cc.2.dylib', 'libtensorflow_framework.2.dylib']
  : ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
/** What the addon's two sources include, out of a tree of 172 MB. */
const HEADERS = [
  'tensorflow/c/c_api.h',
  'tensorflow/c/c_api_macros.h',
  'tensorflow/c/eager/c_api.h',
  'tensorflow/c/tf_attrtype.h',
  'tensorflow/c/tf_buffer.h',
  'tensorflow/c/tf_datatype.h',
  'tensorflow/c/tf_status.h',
  'tensorflow/c/tf_tensor.h',
  'tensorflow/c/tf_tstring.h',
  'tensorflow/core/platform/ctstring.h',
  'tensorflow/core/platform/ctstring_internal.h',
  'tsl/c/tsl_status.h',
  'tsl/platform/ctstring.h',
  'tsl/platform/ctstring_internal.h',
];

/** Downloads the wheel, unpacks what is needed beside `store`, and renames the whole into place. */
export async function fetchWheel(store, say) {
  const { wheel, python } = await findTools();
  const folder = dirname(store);
  for (const name of await readdir(folder)) {
    if (name.startsWith(`${basename(store)}.tmp-`)) await rm(join(folder, name), { recursive: true, force: true });
  }
  const work = `${store}.tmp-${process.pid}`;
  await mkdir(work, { recursive: true });
  try {
    say(`downloading ${wheel.project} ${TENSORFLOW} (about 210 MB, once for all clones)`);
    await unpack(await download(python, wheel, work), work);
    await rm(store, { recursive: true, force: true });
    await rename(work, store);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** What the download and the compilation need, found before either. @throws Unavailable naming all that is missing */
async function findTools() {
  const problems = [];
  const orProblem = (error) => void problems.push(error);
  const wheel = await Promise.resolve()
    .then(() => wheelFor(HOST))
    .catch(orProblem);
  await findCompiler().catch(orProblem);
  const python = await findPip().catch(orProblem);
  if (problems.length > 0 && wheel && python) await findIndex(python, wheel).catch(orProblem);
  if (problems.length > 0) throw allUnavailable(problems);
  return { wheel, python };
}

/** Asks the package index for nothing but its list of versions, where the download itself will not be tried. */
async function findIndex(python, { project }) {
  const { status, stderr } = await run(python, [
    ...['-m', 'pip', 'index', 'versions', project, '--disable-pip-version-check', '--retries', '0', '--timeout', '10'],
  ]);
  if (status !== 0 && UNREACHABLE.test(stderr)) throw downloadProblem(stderr);
}

/**
 * The wheel for a platform such as `linux-x64`.
 * @throws Unavailable where none is known or the C library is not glibc
 */
export function wheelFor(host, glibc = process.report?.getReport().header.glibcVersionRuntime) {
  const wheel = WHEELS[host];
  const own = 'set TENSORFLOW_LIB_DIR to a folder with lib/ and include/ of libtensorflow';
  if (!wheel) throw new Unavailable(`no TensorFlow wheel is known for ${host}`, own);
  if (host.startsWith('linux') && !glibc) throw new Unavailable('the TensorFlow wheel needs glibc', own);
  return wheel;
}

/** @returns {Promise<string>} path of the wheel, whose hash pip has checked */
async function download(python, { project, platform, sha256 }, work) {
  const requirement = join(work, 'requirement.txt');
  await writeFile(requirement, `${project}==${TENSORFLOW} --hash=sha256:${sha256}\n`);
  const { status, stderr } = await run(
    python,
    [
      ...['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-cache-dir', '--no-deps'],
      ...['--require-hashes', '--only-binary=:all:', '--implementation', 'cp', '--python-version', '311'],
      ...['--platform', platform, '--retries', '1', '--timeout', '20', '--dest', work, '--requirement', requirement],
    ],
    { env: { ...process.env, TMPDIR: work, PIP_REQUIRE_VIRTUALENV: '0' }, timeout: 1_800_000 },
  );
  if (status !== 0) throw downloadProblem(stderr);
  await rm(requirement);
  const name = (await readdir(work)).find((file) => file.endsWith('.whl'));
  return join(work, name);
}

const UNREACHABLE = /NewConnectionError|NameResolutionError|ProxyError|SSLError|timed? ?out/i;

/** pip's last line says "no matching distribution" even where there was no network. */
export function downloadProblem(stderr) {
  if (UNREACHABLE.test(stderr)) {
    const remedy = 'connect to the network, or set PIP_INDEX_URL to a mirror';
    return new Unavailable('pip could not reach the package index', remedy);
  }
  const line = stderr
    .trim()
    .split('\n')
    .at(-1)
    ?.replace(/^ERROR: /, '');
  return new Unavailable(`pip could not download TensorFlow (${line})`);
}

async function unpack(wheel, work) {
  const libraries = LIBRARIES.map((name) => [`tensorflow/${name}`, join(work, 'lib', name)]);
  const headers = HEADERS.map((name) => [`tensorflow/include/${name}`, join(work, 'include', name)]);
  const targets = new Map([...libraries, ...headers]);
  await unzip(wheel, targets);
  await rm(wheel);
  for (const [, target] of MAC ? [] : libraries) await run('strip', ['--strip-unneeded', target]); // 614 -> 449 MB
  await writeRecord(join(work, 'files.json'), [...targets.values()]);
}

async function findPip() {
  const found = await firstThatRuns([['python3'], ['python']], ['-m', 'pip', '--version']);
  if (found) return found[0];
  throw new Unavailable('python3 with pip was not found', 'install python3 and pip');
}
