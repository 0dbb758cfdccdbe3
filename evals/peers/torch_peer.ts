/** The PyTorch peer (peers/torch_peer.py) as a process. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { pinned } from '../../src/bench/run/pinning.js';
import { check } from '../../src/errors.js';
import { type ModelConfig, scanChunkOf } from '../../src/models/model.js';
import { fixtureNameOf, MODEL_NAMES } from '../../src/models/registry.js';
import { readJson } from '../../src/results/json.js';
import { lastLine, runChild } from '../shared/child.js';
import type { Life } from '../shared/interruption.js';
import { packageFolder } from '../shared/package_folder.js';
import { type CellTimes, type PeerMode, parsePeerTimes } from './cells.js';

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
  /** That the process writes. */
  readonly file: string;
  readonly timeoutMs: number;
  /** The CPU it runs on, as ours do; null to leave that to the system. */
  readonly pinnedCpu: number | null;
  readonly life: Life;
}

/** Importing torch takes seconds; from a slow disk a minute. */
const IMPORT_MS = 300_000;

/** @returns the version of torch; @throws UserError naming PYTHON when the interpreter has none, or no numpy */
export async function torchVersion(python: string, life: Life): Promise<string> {
  const program = 'import numpy, torch; print(torch.__version__)';
  const { code, stdout, stderr } = await runChild(python, ['-c', program], IMPORT_MS, life).catch((error: Error) => {
    life.signal.throwIfAborted();
    return { code: null, stdout: '', stderr: error.message };
  });
  const rule = 'must name a Python with torch and numpy (pip install torch numpy)';
  check(code === 0, `PYTHON: ${rule}, got ${python} (${lastLine(stderr)})`);
  return stdout.trim();
}

/**
 * Measures all cells of an order in one fresh process with one thread.
 * @throws UserError when the process fails, or takes too long
 * @throws Error when `life` ends
 */
export async function runTorchPeer(order: PeerOrder, settings: PeerSettings): Promise<CellTimes> {
  const { python, file, timeoutMs, pinnedCpu, life } = settings;
  rmSync(file, { force: true }); // of the process before
  const script = join(packageFolder(), 'peers', 'torch_peer.py');
  const [command, args] = pinned(pinnedCpu, python, [script, ...flagsOf(order), '--json', file]);
  const { code, overtime, stderr } = await runChild(command, args, timeoutMs, life);
  const where = `PyTorch ${order.mode}`;
  check(!overtime, `${where}: was ended after --peer_timeout ${timeoutMs / 1000} s`);
  check(
    code === 0,
    `${where}: must end with exit code 0, got ${code ?? 'a signal, out of memory?'} (${lastLine(stderr)})`,
  );
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
