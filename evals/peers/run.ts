/** What `npm run peers` does once its flags are read: check, measure in turns, print, write. */

import { type Ready, runtimeOf } from '../../src/bench/protocol/messages.js';
import { PEER_RULES, shuffledCells } from '../../src/bench/protocol/plan.js';
import { describeGit, describeMachine, observe } from '../../src/bench/run/environment.js';
import { pinnableCpu } from '../../src/bench/run/pinning.js';
import { runProcess, type WorkerSettings, workerLimits } from '../../src/bench/run/process.js';
import type { RunSpec } from '../../src/bench/run/run.js';
import { UserError } from '../../src/errors.js';
import { random, shuffled } from '../../src/random.js';
import { processTime } from '../../src/results/cell.js';
import { DEFAULTS } from '../compare_models/flags.js';
import { parseLengths } from '../compare_models/lengths.js';
import { specOf } from '../compare_models/plan.js';
import { EXIT, type Streams } from '../shared/command_line.js';
import { interruptible, type Life } from '../shared/interruption.js';
import { createOutputWriter, outputFile, prepareOutput } from '../shared/output.js';
import { packageFolder, packageVersion, WORKER_FILE } from '../shared/package_folder.js';
import { openTemporaryFolder } from '../shared/temporary_folder.js';
import {
  type CellTimes,
  comparePeers,
  type PeerCell,
  type PeerMode,
  peerCellKey,
  type Round,
  type Side,
} from './cells.js';
import type { PeersFlags } from './flags.js';
import { peersText } from './report.js';
import { type PeerSettings, runTorchPeer, torchVersion } from './torch_peer.js';

const now = (): number => performance.now();

/** What the rounds need of the world. */
interface Host {
  readonly worker: WorkerSettings;
  readonly peer: PeerSettings;
  say(text: string): void;
  /** Hears what our processes run on. */
  onReady(message: Ready): void;
}

/**
 * @param workerFile that measures ours, but in tests
 * @returns the exit code: 0; 1 when a cell has no ratio; @throws Interrupted: nothing is written
 */
export function runPeers(
  flags: PeersFlags,
  argv: readonly string[],
  streams: Streams,
  workerFile = WORKER_FILE,
): Promise<number> {
  return interruptible(
    () => 'nothing is written',
    (life) => runRounds(flags, argv, streams, workerFile, life),
  );
}

async function runRounds(
  flags: PeersFlags,
  argv: readonly string[],
  streams: Streams,
  workerFile: string,
  life: Life,
): Promise<number> {
  const { lengths, note } = parseLengths(flags.seq_lengths);
  const python = process.env['PYTHON'] || 'python3';
  const torch = await torchVersion(python, life);
  const spec = ownSpec(flags, lengths);
  const file = outputFile(flags.output_dir, 'peers.json');
  prepareOutput(file);
  if (note !== null) streams.stderr.write(`${note}\n`);
  const modes = [...new Set(flags.peer_modes)];
  const before = observe(now, spec.spinMs);
  using folder = openTemporaryFolder();
  const pinnedCpu = pinnableCpu(1);
  let runtime: object = {};
  const host: Host = {
    worker: { ...life, ...workerLimits(flags.cell_timeout), workerFile, pinnedCpu },
    peer: { python, file: folder.file('peer.json'), timeoutMs: flags.peer_timeout * 1000, pinnedCpu, life },
    say: (text) => streams.stderr.write(`${text}\n`),
    onReady: (ready) => {
      runtime = runtimeOf(process.version, ready);
    },
  };
  const rounds = await measure(spec, lengths, modes, host);
  const cells = comparePeers(spec.cells, rounds, modes);
  const machine = describeMachine(1, pinnedCpu, before, observe(now, spec.spinMs));
  const head = headOf(flags, lengths, argv);
  const writer = createOutputWriter(streams);
  writer.write(file, jsonOf({ ...head, machine, runtime: { ...runtime, torch }, cells }));
  streams.stdout.write(`${peersText(cells, modes, rounds.length, machine.noisy, streams.stdout.columns)}\n`);
  return writer.exitCode(cells.every(hasRatio) ? EXIT.ok : EXIT.failed);
}

const hasRatio = ({ ratio }: PeerCell): boolean => ratio !== null;
const jsonOf = (value: object): string => `${JSON.stringify(value, null, 1)}\n`;

/** Compiled, one thread. @throws UserError where the native backend cannot be had, or naming the flag and the value */
function ownSpec(flags: PeersFlags, lengths: readonly number[]): RunSpec {
  const fixed = { mode: 'compiled', backend: 'tensorflow', threads: 1, retrieval_norm: 'none' } as const;
  const absent = { quick: false, recompute: false, dry_run: false, no_progress: true, no_pin: false };
  const spec = specOf({ ...DEFAULTS, ...flags, ...fixed, ...absent, runs: flags.rounds }, lengths, null);
  return { ...spec, rules: PEER_RULES };
}

function headOf({ output_dir, ...config }: PeersFlags, lengths: readonly number[], argv: readonly string[]): object {
  return {
    created_at: new Date().toISOString(),
    tool: { name: 'attnscale', version: packageVersion(), argv },
    git: describeGit(packageFolder()),
    config: { ...config, seq_lengths: lengths },
  };
}

/** A mode of the peer that fails is said, and left out from then on. */
async function measure(
  spec: RunSpec,
  lengths: readonly number[],
  modes: readonly PeerMode[],
  host: Host,
): Promise<Round[]> {
  const { runs, workload } = spec;
  const models = [...new Set(spec.cells.map(({ model }) => model))];
  const order = { models, lengths, config: workload.config, nTokens: workload.nTokens };
  const leftOut = new Set<Side>();
  const rounds: Round[] = [];
  for (let round = 0; round < runs; round++) {
    const times = new Map<Side, CellTimes>();
    for (const side of shuffled(['ours', ...modes] as const, random(workload.seed, `sides of round ${round}`))) {
      if (leftOut.has(side)) continue;
      host.say(`round ${round + 1} of ${runs}: ${side === 'ours' ? 'attnscale' : `PyTorch ${side}`}`);
      try {
        const measured =
          side === 'ours' ? runOurs(spec, round, host) : runTorchPeer({ ...order, mode: side }, host.peer);
        times.set(side, await measured);
      } catch (error) {
        if (side === 'ours' || !(error instanceof UserError)) throw error;
        host.say(`warning: ${error.message}; it is left out`);
        leftOut.add(side);
      }
    }
    rounds.push(times);
  }
  return rounds;
}

/** One fresh process of ours. A cell that fails is said, and missing. */
async function runOurs(spec: RunSpec, round: number, { worker, say, onReady }: Host): Promise<CellTimes> {
  const { workload, rules, backend, threads } = spec;
  const times = new Map<string, number>();
  const cells = shuffledCells(spec.cells, workload.seed, round);
  const order = { task: 'measure', run: round, rules, workload, backend, threads, cells } as const;
  const lost = (cell: RunSpec['cells'][number], reason: string): void =>
    say(`warning: attnscale: ${peerCellKey(cell)}: ${reason}`);
  const casualty = await runProcess(order, worker, (message) => {
    if (message.type === 'ready') onReady(message);
    if (message.type === 'measured') times.set(peerCellKey(message.cell), processTime(message.process));
    if (message.type === 'failed') lost(message.cell, message.reason);
  });
  if (casualty !== null) lost(casualty.cell, `${casualty.reason}; the rest of the process is lost`);
  return times;
}
