/** The machine a run was made on, and how quiet it was (docs/method.md, A.8). */
import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import os from 'node:os';
import type { Machine, Results } from '../results.js';
import { variation } from '../statistics.js';
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
  pinnedCpu: number | null,
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

/** Variables that change what the backend does. TF_CLI_… and TF_VAR_… are Terraform's, and may hold secrets. */
const STEERING = /^(TF_(?!CLI_|VAR_)|XLA_|OMP_|MKL_|ONEDNN_|DNNL_|MALLOC_)/;

export function steeringVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  const set = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(set.filter(([name]) => STEERING.test(name)));
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
