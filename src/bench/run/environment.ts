/** The machine a run was made on, and how quiet it was (docs/method.md, A.8). */
import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import os from 'node:os';
import type { Machine, Results } from '../../results/schema.js';
import { variation } from '../../statistics.js';
import type { Clock } from './sampling.js';

/** Above this variation of the spin loops a run is tagged noisy. */
const NOISY_CV = 0.1;

/** Seen at one end of a run. */
export interface Observation {
  readonly load: number;
  readonly spinsMs: readonly number[];
  /** Jiffies of the whole machine: stolen by the hypervisor, and all. Null where the system does not tell. */
  readonly jiffies: { readonly steal: number; readonly all: number } | null;
}

/** Times a fixed loop over and over for `durationMs`. */
export function observe(now: Clock, durationMs: number): Observation {
  const load = os.loadavg()[0] ?? 0;
  const spinsMs: number[] = [];
  spin(); // compiles the loop
  for (const start = now(); now() - start < durationMs; ) {
    const before = now();
    spin();
    spinsMs.push(now() - before);
  }
  return { load, spinsMs, jiffies: readJiffies() };
}

/** About 20 ms of integer arithmetic that nothing can optimise away. */
function spin(): number {
  let x = 1;
  for (let i = 0; i < 20_000_000; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
  return x;
}

/**
 * @param after null while the run goes on
 * @param earlier of the run that this one goes on with: the noisier of the two counts
 */
export function describeMachine(
  threads: number,
  { pinnedCpu, spareCpu }: { readonly pinnedCpu: number | null; readonly spareCpu: number | null },
  before: Observation,
  after: Observation | null,
  earlier?: Machine,
): Machine {
  const own = after && variation([...before.spinsMs, ...after.spinsMs]);
  const noise = Math.max(own ?? 0, earlier?.noise_cv ?? 0);
  const known = own !== null || typeof earlier?.noise_cv === 'number';
  return {
    os: `${os.type()} ${os.release()}`,
    arch: os.arch(),
    cpu_model: cpuModel(),
    cores: os.availableParallelism(),
    threads,
    pinned_cpu: pinnedCpu,
    spare_cpu: spareCpu,
    memory_bytes: os.totalmem(),
    cgroup_memory_bytes: readNumber('/sys/fs/cgroup/memory.max'),
    governor: readText('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'),
    load_before: before.load,
    load_after: after?.load ?? null,
    steal_pct: after && stealPercent(before, after),
    noise_cv: known ? noise : null,
    noisy: noise > NOISY_CV,
  };
}

/** Variables of oneDNN, which reads each under two prefixes. */
const ONEDNN = ['MAX_CPU_ISA', 'CPU_ISA_HINTS', 'PRIMITIVE_CACHE_CAPACITY', 'DEFAULT_FPMATH_MODE', 'VERBOSE'];

/**
 * Variables that change what the backend does and how fast: of TensorFlow 2.15 (those it reads that matter on a CPU), XLA,
 * oneDNN, OpenMP, MKL and glibc's memory. Exact names, since others that begin alike hold secrets (TF_TOKEN_… and
 * TF_HTTP_PASSWORD are Terraform's).
 */
const STEERING: ReadonlySet<string> = new Set([
  ...['TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS', 'TF_OVERRIDE_GLOBAL_THREADPOOL'],
  ...['TF_USE_EIGEN_PARALLEL_FOR_IN_WORK_SHARDER', 'TF_ENABLE_ONEDNN_OPTS', 'TF_ENABLE_ZENDNN_OPTS'],
  ...['TF_SET_ONEDNN_FPMATH_MODE', 'TF_ONEDNN_ASSUME_FROZEN_WEIGHTS', 'TF_ONEDNN_THREADPOOL_USE_CALLER_THREAD'],
  ...['TF_ONEDNN_USE_SYSTEM_ALLOCATOR', 'TF_MKL_ALLOC_MAX_BYTES', 'TF_MKL_OPTIMIZE_PRIMITIVE_MEMUSE'],
  ...['TF_CPU_ALLOCATOR_USE_BFC', 'TF_CPU_BFC_MEM_LIMIT_IN_MB', 'TF_DETERMINISTIC_OPS', 'TF_DISABLE_JIT_KERNELS'],
  ...['TF_DISABLE_MKL', 'TF_GRAPH_CACHING', 'TF_CPP_MIN_LOG_LEVEL', 'TF_CPP_MAX_VLOG_LEVEL', 'TF_CPP_VMODULE'],
  ...['TF_DUMP_GRAPH_PREFIX', 'TF_XLA_FLAGS', 'TF_JITRT_FLAGS', 'XLA_FLAGS'],
  ...ONEDNN.flatMap((name) => [`ONEDNN_${name}`, `DNNL_${name}`]),
  ...['OMP_NUM_THREADS', 'OMP_PROC_BIND', 'OMP_PLACES', 'OMP_SCHEDULE', 'OMP_DYNAMIC', 'OMP_WAIT_POLICY'],
  ...['OMP_THREAD_LIMIT', 'OMP_STACKSIZE', 'GOMP_CPU_AFFINITY', 'GOMP_SPINCOUNT', 'KMP_AFFINITY', 'KMP_BLOCKTIME'],
  ...['MKL_NUM_THREADS', 'MKL_DYNAMIC', 'MKL_ENABLE_INSTRUCTIONS', 'MKL_CBWR', 'MKL_DEBUG_CPU_TYPE'],
  ...['MALLOC_ARENA_MAX', 'MALLOC_ARENA_TEST', 'MALLOC_CHECK_', 'MALLOC_MMAP_MAX_', 'MALLOC_MMAP_THRESHOLD_'],
  ...['MALLOC_PERTURB_', 'MALLOC_TOP_PAD_', 'MALLOC_TRIM_THRESHOLD_', 'GLIBC_TUNABLES'],
]);

export function steeringVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  const set = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(set.filter(([name]) => STEERING.has(name)));
}

export function cpuModel(): string {
  return os.cpus()[0]?.model.trim() ?? 'unknown';
}

function stealPercent(before: Observation, after: Observation): number | null {
  if (before.jiffies === null || after.jiffies === null) return null;
  const all = after.jiffies.all - before.jiffies.all;
  return all === 0 ? 0 : (100 * (after.jiffies.steal - before.jiffies.steal)) / all;
}

/** First line of /proc/stat: cpu user nice system idle iowait irq softirq steal … */
function readJiffies(): Observation['jiffies'] {
  const line = readText('/proc/stat')?.split('\n')[0];
  if (line === undefined) return null;
  const fields = line.split(/\s+/).slice(1, 9).map(Number);
  return { steal: fields[7] ?? 0, all: fields.reduce((a, b) => a + b, 0) };
}

/** A file of the system; null where there is none. */
export function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null; // not this system
  }
}

function readNumber(path: string): number | null {
  const value = Number(readText(path) ?? Number.NaN);
  return Number.isFinite(value) ? value : null;
}

/** The commit of a checkout, or null where the folder is not the root of one. */
export function describeGit(folder: string): Results['git'] {
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', folder, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    if (realpathSync(git('rev-parse', '--show-toplevel')) !== realpathSync(folder)) return null;
    return { commit: git('rev-parse', 'HEAD'), dirty: git('status', '--porcelain') !== '' };
  } catch {
    return null;
  }
}
