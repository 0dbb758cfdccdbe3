import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import {
  describeGit,
  describeMachine,
  type Observation,
  observe,
  steeringVariables,
} from '../../../src/bench/run/environment.js';
import { NOT_PINNED } from '../../../src/bench/run/process/pinning.js';
import { temporaryFolder } from '../../support/temporary.js';

const seen = (spinsMs: number[], steal = 0, all = 0): Observation => ({ load: 0.5, spinsMs, jiffies: { steal, all } });

test('observing times the spin loop until the given time has passed', () => {
  let now = 0;
  const { spinsMs } = observe(() => (now += 5), 100);
  expect(spinsMs.length).toBeGreaterThan(1);
  expect(new Set(spinsMs)).toEqual(new Set([5]));
  expect(now).toBeGreaterThanOrEqual(100);
});

test('spin loops that vary by more than 10 % make the run noisy', () => {
  const quiet = describeMachine(1, NOT_PINNED, seen([10, 10.1]), seen([10, 9.9]));
  expect(quiet.noisy).toBe(false);
  expect(quiet.noise_cv).toBeCloseTo(Math.sqrt(0.02 / 3) / 10, 9);
  expect(describeMachine(1, NOT_PINNED, seen([10, 10]), seen([14, 14])).noisy).toBe(true);
});

test('noise is not known before the end', () => {
  const { noise_cv, noisy, load_after, steal_pct } = describeMachine(1, NOT_PINNED, seen([10, 20]), null);
  expect({ noise_cv, noisy, load_after, steal_pct }).toEqual({
    noise_cv: null,
    noisy: false,
    load_after: null,
    steal_pct: null,
  });
});

test('a run that goes on with a noisy one stays noisy', () => {
  const noisy = describeMachine(1, NOT_PINNED, seen([10]), seen([20]));
  const after = describeMachine(1, NOT_PINNED, seen([10]), seen([10]), noisy);
  expect(after).toMatchObject({ noisy: true, noise_cv: noisy.noise_cv });
  expect(describeMachine(1, NOT_PINNED, seen([10]), null, noisy).noisy).toBe(true);
});

test('steal is the share of stolen time between the two observations', () => {
  expect(describeMachine(1, NOT_PINNED, seen([10], 100, 1000), seen([10], 125, 1500)).steal_pct).toBe(5);
  expect(describeMachine(1, NOT_PINNED, { ...seen([10]), jiffies: null }, seen([10], 1, 2)).steal_pct).toBeNull();
});

test('the commit is that of a checkout, not of the folder around one', () => {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const git = describeGit(root);
  if (git !== null) expect(git.commit).toMatch(/^[0-9a-f]{40}$/);
  expect(describeGit(join(root, 'src'))).toBeNull();
  expect(describeGit(temporaryFolder())).toBeNull();
});

test.each([
  ['TF_NUM_INTRAOP_THREADS', 'TF_ENABLE_ONEDNN_OPTS', 'TF_XLA_FLAGS', 'XLA_FLAGS', 'TF_CPP_MIN_LOG_LEVEL'],
  ['ONEDNN_MAX_CPU_ISA', 'DNNL_DEFAULT_FPMATH_MODE', 'ONEDNN_VERBOSE', 'OMP_NUM_THREADS', 'MKL_NUM_THREADS'],
  ['MALLOC_ARENA_MAX', 'MALLOC_MMAP_THRESHOLD_', 'MALLOC_TRIM_THRESHOLD_', 'GLIBC_TUNABLES', 'KMP_BLOCKTIME'],
])('variables that steer the backend are recorded: %s, …', (...names) => {
  const env = Object.fromEntries(names.map((name) => [name, '1']));
  expect(steeringVariables(env)).toEqual(env);
});

test('variables that only look like these are not, for they may hold secrets', () => {
  const terraform = ['TF_TOKEN_app_terraform_io', 'TF_HTTP_PASSWORD', 'TF_HTTP_USERNAME', 'TF_VAR_x', 'TF_CLI_ARGS'];
  const prefixed = ['TF', 'XLA', 'OMP', 'GOMP', 'KMP', 'MKL', 'ONEDNN', 'DNNL', 'MALLOC', 'GLIBC'].flatMap((prefix) =>
    ['SECRET', 'TOKEN', 'PASSWORD', 'API_KEY', ''].map((name) => `${prefix}_${name}`),
  );
  const longer = ['TF_XLA_FLAGS_TOKEN', 'MY_XLA_FLAGS', 'xla_flags', 'OMP_NUM_THREADS_', 'PATH', '__proto__'];
  const env = Object.fromEntries([...terraform, ...prefixed, ...longer].map((name) => [name, 'secret']));
  expect(steeringVariables(env)).toEqual({});
});
