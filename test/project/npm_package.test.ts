/** The package as npm installs it: its own set-up command, and messages that name what works there. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary.js';

const ROOT = join(import.meta.dirname, '../..');

/** What `npm pack` puts into the package, of all but dist. */
let shipped: readonly string[];
beforeAll(() => {
  const json = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: ROOT, stdio: 'pipe' });
  const [{ files }] = JSON.parse(String(json)) as [{ files: { path: string }[] }];
  shipped = files.map(({ path }) => path).filter((path) => !path.startsWith('dist/'));
});

/** A project with the package in its node_modules, beside stand-ins for what it depends on. */
function installed(): { readonly project: string; readonly run: (...argv: string[]) => ReturnType<typeof spawnSync> } {
  const project = temporaryFolder();
  const put = (path: string, content: string): string => {
    mkdirSync(dirname(join(project, path)), { recursive: true });
    writeFileSync(join(project, path), content);
    return join(project, path);
  };
  put('package.json', '{}');
  put('package-lock.json', '{}'); // the project's own: this is no clone
  mkdirSync(join(project, 'src'));
  for (const path of shipped) cpSync(join(ROOT, path), join(project, 'node_modules/attnscale', path));
  put('node_modules/node-api-headers/package.json', '{}');
  put('node_modules/@tensorflow/tfjs-node/package.json', '{"version":"1.0.0","main":"index.js"}');
  put(
    'node_modules/@tensorflow/tfjs-node/index.js',
    `module.exports = { tensor2d: () => 0, matMul: () => ({ dataSync: () => [7, 10, 15, 22] }),
      getBackend: () => 'tensorflow', backend: () => ({ binding: { TF_Version: '2.0' } }) };`,
  );
  for (const name of ['libtensorflow.so.2', 'libtensorflow_framework.so.2']) put(`tf/lib/${name}`, 'ELF');
  const compiler = put('c++', '#!/bin/sh\nfor output; do :; done\n[ "$1" = --version ] || echo made > "$output"\n');
  chmodSync(compiler, 0o755);
  const env = { PATH: '', CXX: compiler, XDG_CACHE_HOME: join(project, 'cache') };
  const bin = join(project, 'node_modules/attnscale/bin/setup.js');
  return {
    project,
    run: (...argv) => {
      const own = argv.filter((word) => word.includes('=')).map((word) => word.split('='));
      const words = argv.filter((word) => !word.includes('='));
      const options = { cwd: project, env: { ...env, ...Object.fromEntries(own) }, encoding: 'utf8' as const };
      return spawnSync(process.execPath, [bin, ...words], options);
    },
  };
}

test('every command is shipped, and every module that a shipped one imports from beside it', () => {
  const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { bin: Record<string, string> };
  expect(bin['attnscale-setup']).toBe('bin/setup.js');
  for (const path of Object.values(bin)) expect(shipped).toContain(path);
  const modules = shipped.filter((path) => /^(bin|scripts)\/.*\.m?js$/.test(path));
  const imported = modules.flatMap((path) =>
    [...readFileSync(join(ROOT, path), 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, name = '']) =>
      join(dirname(path), name),
    ),
  );
  expect(imported).toContain('scripts/setup_native.mjs');
  for (const path of imported) expect(shipped).toContain(path);
});

describe.runIf(process.platform === 'linux')('attnscale-setup of an installed package', () => {
  test('makes the addon, links it, and has nothing to do the second time', () => {
    const { project, run } = installed();
    const first = run(`TENSORFLOW_LIB_DIR=${join(project, 'tf')}`);
    expect([first.status, first.stderr]).toEqual([0, 'setup: native backend ready, TensorFlow 2.0\n']);
    const link = join(project, 'node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node');
    expect(readFileSync(link, 'utf8')).toBe('made\n');
    const second = run(`TENSORFLOW_LIB_DIR=${join(project, 'tf')}`);
    expect([second.status, second.stderr]).toEqual([0, 'setup: native backend ready\n']);
    expect(existsSync(join(project, '.native'))).toBe(false); // the project is not ours to write into
  });

  test('names itself, not npm run setup, where something is missing', () => {
    const { run } = installed();
    const { status, stderr } = run('CXX=/no/compiler');
    expect(status).toBe(1);
    expect(stderr).toBe(
      'setup: native TensorFlow is not available, ONNX Runtime or WebAssembly is used: CXX=/no/compiler does not run, and python3 with pip was ' +
        'not found; to get it: install g++ 11 or newer, install python3 and pip, then `npx attnscale-setup`\n',
    );
  });

  test('explains itself, and refuses what it does not take', () => {
    const { run } = installed();
    const help = run('--help');
    expect([help.status, help.stderr]).toEqual([0, '']);
    expect(help.stdout).toContain('TENSORFLOW_LIB_DIR');
    const wrong = run('--retry');
    expect([wrong.status, wrong.stderr]).toEqual([2, 'error: attnscale-setup takes no arguments, got --retry\n']);
  });
});
