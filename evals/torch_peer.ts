/** The PyTorch peer (peers/torch_peer.py) as a process. */
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type CellTimes, type PeerMode, parsePeerTimes } from '../src/bench/peers.js';
import { pinned } from '../src/bench/pinning.js';
import { check, UserError } from '../src/errors.js';
import { type ModelConfig, scanChunkOf } from '../src/models/model.js';
import { fixtureNameOf, MODEL_NAMES } from '../src/models/registry.js';
import { readJson } from '../src/results.js';
import { packageFolder } from './package_folder.js';

/** What one process of the peer measures. */
export interface PeerOrder {
  readonly models: readonly string[];
  readonly lengths: readonly number[];
  readonly config: ModelConfig;
  readonly nTokens: number;
  readonly mode: PeerMode;
}

export interface PeerSettings {
  readonly python: string;
  /** For the files of the process. */
  readonly folder: string;
  readonly timeoutMs: number;
  /** The CPU it runs on, as ours do; null to leave that to the system. */
  readonly pinnedCpu: number | null;
  readonly signal: AbortSignal;
}

/** @returns the version of torch; @throws UserError naming PYTHON when the interpreter has none, or no numpy */
export function torchVersion(python: string): string {
  try {
    const program = 'import numpy, torch; print(torch.__version__)';
    return execFileSync(python, ['-c', program], { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    const reason = lastLine(stderr || message);
    const rule = 'must name a Python with torch and numpy (pip install torch numpy)';
    throw new UserError(`PYTHON: ${rule}, got ${python} (${reason})`);
  }
}

/**
 * Measures all cells of an order in one fresh process with one thread.
 * @throws UserError when the process fails, or takes too long
 * @throws Error when `signal` aborts
 */
export async function runTorchPeer(order: PeerOrder, settings: PeerSettings): Promise<CellTimes> {
  const { python, folder, timeoutMs, pinnedCpu, signal } = settings;
  const file = join(folder, 'peer.json');
  rmSync(file, { force: true }); // of the process before
  const words = join(folder, 'stderr.txt');
  const log = openSync(words, 'w'); // not a pipe: the compiler's own processes may outlive a peer that was ended
  const script = join(packageFolder(), 'peers', 'torch_peer.py');
  const child = spawn(...pinned(pinnedCpu, python, [script, ...flagsOf(order), '--json', file]), {
    stdio: ['ignore', 'ignore', log],
    timeout: timeoutMs,
    signal,
    killSignal: 'SIGKILL',
  });
  closeSync(log);
  const code = await new Promise<number | null>((done, fail) => child.on('error', fail).on('close', done));
  const where = `PyTorch ${order.mode}`;
  check(code !== null, `${where}: was ended after --peer_timeout ${timeoutMs / 1000} s, or out of memory`);
  check(code === 0, `${where}: must end with exit code 0, got ${code} (${lastLine(readFileSync(words, 'utf8'))})`);
  return parsePeerTimes(readJson(file, where), ourName, where);
}

function flagsOf({ models, lengths, config, nTokens, mode }: PeerOrder): string[] {
  const numbers = {
    hidden_dim: config.hiddenDim,
    num_layers: config.numLayers,
    num_heads: config.numHeads,
    ff_dim: config.ffDim,
    vocab_size: config.vocabSize,
    chunk_size: config.chunkSize,
    scan_chunk: scanChunkOf(config),
    compression_factor: config.compressionFactor,
    n_tokens: nTokens,
    threads: 1,
  };
  return [
    ...['--trim', '--mode', mode, '--models', ...models.map(fixtureNameOf), '--lengths', ...lengths.map(String)],
    ...Object.entries(numbers).flatMap(([flag, value]) => [`--${flag}`, String(value)]),
  ];
}

const ourName = (peerName: string): string => MODEL_NAMES.find((name) => fixtureNameOf(name) === peerName) ?? peerName;

const lastLine = (text: string): string => text.trim().split('\n').at(-1) || 'it said nothing';
