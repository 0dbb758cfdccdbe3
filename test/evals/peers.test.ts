import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { comparePeers, parsePeerTimes, peerCellKey, type Round, type Side } from '../../evals/peers/cells.js';
import type { PeersFlags } from '../../evals/peers/flags.js';
import { runPeers } from '../../evals/peers/run.js';
import { main } from '../../evals/peers.js';
import { fixtureNameOf } from '../../src/models/registry.js';
import { nativeProblem } from '../../src/native_check.js';
import { fakeWorker } from '../support/fake_worker.js';
import { temporaryFolder } from '../support/temporary.js';

const PREFILL = { model: 'BSBR', phase: 'prefill', n: 64 } as const;
const DECODE = { ...PREFILL, phase: 'decode' } as const;

/** A round in which each side took that long for the prefill. */
const round = (times: Partial<Record<Side, number>>): Round =>
  new Map(Object.entries(times).map(([side, ms]) => [side as Side, new Map([[peerCellKey(PREFILL), ms]])]));

describe('the ratio', () => {
  const compared = (...rounds: Round[]) => comparePeers([PREFILL], rounds, ['eager', 'compile'])[0]!;
  test('is the median of ours over that of the faster peer mode, with the extremes over rounds', () => {
    const cell = compared(
      round({ ours: 6, eager: 9, compile: 10 }),
      round({ ours: 5, eager: 40, compile: 8 }),
      round({ ours: 7, eager: 30, compile: 7 }),
    );
    expect(cell.median_ms).toEqual({ ours: 6, eager: 30, compile: 8 });
    expect(cell.faster_peer).toBe('compile');
    expect(cell.ratio).toEqual({ value: 6 / 8, lowest: 6 / 10, highest: 1 });
    expect(cell.rounds_ms.eager).toEqual([9, 40, 30]);
  });
  test('of each cell is against the mode that is faster there', () => {
    const both = (prefill: number, decode: number) =>
      new Map([
        [peerCellKey(PREFILL), prefill],
        [peerCellKey(DECODE), decode],
      ]);
    const one: Round = new Map([
      ['ours', both(2, 2)],
      ['eager', both(4, 8)],
      ['compile', both(8, 4)],
    ]);
    const cells = comparePeers([PREFILL, DECODE], [one], ['eager', 'compile']);
    expect(cells.map(({ faster_peer }) => faster_peer)).toEqual(['eager', 'compile']);
  });
  test('leaves out rounds that lack a side, and is null when all do', () => {
    const cell = compared(round({ ours: 4, eager: 2 }), round({ ours: 8 }));
    expect(cell.rounds_ms).toEqual({ ours: [4, 8], eager: [2, null], compile: [null, null] });
    expect(cell.ratio).toEqual({ value: 3, lowest: 2, highest: 2 });
    expect(compared(round({ ours: 4 })).ratio).toBeNull();
    expect(compared(round({ eager: 4 })).ratio).toBeNull();
  });
});

describe('what the peer writes', () => {
  const cell = { model: 'linear', n: 64, prefill_ms: 1, decode_ms: 2, generate_ms: 3, decode_median_ms: 9 };
  test('becomes the times of our cells', () => {
    const times = parsePeerTimes({ torch: '2', cells: [cell] }, (name) => `our ${name}`, 'peer');
    expect([...times]).toEqual([
      ['our linear prefill 64', 1],
      ['our linear decode 64', 2],
      ['our linear generate 64', 3],
    ]);
  });
  test('is refused by the name of the field that is none', () => {
    const bad = { torch: '2', cells: [{ ...cell, decode_ms: 0 }] };
    expect(() => parsePeerTimes(bad, String, 'peer')).toThrow(/^peer: cells\.0\.decode_ms: /);
  });
});

/**
 * An interpreter that says it has torch, and measures a prefill of 2 n µs in eager mode and n µs compiled.
 * @param first run before it measures; it may look at `mode`, end the process, or hang
 */
function fakePython(first = ''): string {
  const file = join(temporaryFolder(), 'python.cjs');
  writeFileSync(
    file,
    `#!${process.execPath}
    const { appendFileSync, writeFileSync } = require('node:fs');
    const argv = process.argv.slice(2);
    if (argv[0] === '-c') { console.log('2.9.0'); process.exit(); }
    appendFileSync(__filename + '.log', argv.slice(1).join(' ') + '\\n');
    const after = (flag) => argv.slice(argv.indexOf(flag) + 1);
    const list = (flag) => { const words = after(flag); return words.slice(0, words.findIndex((word) => word.startsWith('--'))); };
    const mode = after('--mode')[0];
    ${first}
    const cells = list('--models').flatMap((model) => list('--lengths').map((n) => {
      const ms = Number(n) * (mode === 'eager' ? 2 : 1);
      return { model, n: Number(n), prefill_ms: ms, decode_ms: ms, generate_ms: ms };
    }));
    writeFileSync(after('--json')[0], JSON.stringify({ torch: '2.9.0', cells }));`,
  );
  chmodSync(file, 0o755);
  return file;
}

let folder = '';
beforeEach(() => {
  folder = temporaryFolder();
  return () => vi.unstubAllEnvs();
});

function recorder() {
  const text = { stdout: '', stderr: '' };
  const stream = (name: keyof typeof text) => ({ write: (words: string) => (text[name] += words) });
  return { text, streams: { stdout: stream('stdout'), stderr: stream('stderr') } };
}

const FLAGS: PeersFlags = {
  ...{ models: ['LinearTransformer', 'BSBR'], vocab_size: 64, hidden_dim: 16, num_layers: 1, num_heads: 2, ff_dim: 32 },
  ...{ chunk_size: 8, compression_factor: 2, seq_lengths: ['8', '16'], n_tokens: 4, seed: 1, cell_timeout: 60 },
  ...{ output_dir: '', rounds: 2, peer_modes: ['eager', 'compile'], peer_timeout: 60 },
};

const NO_COMPILER = `if (mode === 'compile') { console.error('Traceback\\nno compiler'); process.exit(3); }`;
const HANGING = `if (mode === 'compile') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`;

/** Runs with workers that take n / 8 ms for every cell. */
async function run(python: string, onCell = '', flags: Partial<PeersFlags> = {}) {
  vi.stubEnv('PYTHON', python);
  const { text, streams } = recorder();
  const code = await runPeers({ ...FLAGS, ...flags, output_dir: folder }, [], streams, fakeWorker(onCell));
  return { code, ...text, file: JSON.parse(readFileSync(join(folder, 'peers.json'), 'utf8')) };
}

describe.skipIf(process.platform === 'win32' || nativeProblem() !== null)('rounds of ours and a peer', () => {
  test('end in a table and a file with the ratio of every cell', async () => {
    const { code, stdout, file } = await run(fakePython());
    expect(code).toBe(0);
    expect(file.cells).toHaveLength(2 * 3 * 2);
    for (const { n, rounds_ms, faster_peer, ratio } of file.cells) {
      expect(rounds_ms).toEqual({ ours: [n / 8, n / 8], eager: [2 * n, 2 * n], compile: [n, n] });
      expect(faster_peer).toBe('compile');
      expect(ratio).toEqual({ value: 1 / 8, lowest: 1 / 8, highest: 1 / 8 });
    }
    expect(file.runtime.torch).toBe('2.9.0');
    expect(stdout).toMatch(/BSBR +│ 16 +│ decode +│ 2\.00 +│ 32\.0 +│ 16\.0 +│ 0\.13/);
  });
  test('give the peer our shapes, one thread and --trim, and a process a round and mode', async () => {
    const python = fakePython();
    await run(python);
    const calls = readFileSync(`${python}.log`, 'utf8').trim().split('\n');
    expect(calls.map((call) => /--mode (\w+)/.exec(call)?.[1]).sort()).toEqual([
      'compile',
      'compile',
      'eager',
      'eager',
    ]);
    for (const call of calls) {
      for (const part of [
        '--trim',
        '--models linear bsbr --lengths 8 16',
        '--hidden_dim 16 --num_layers 1 --num_heads 2 --ff_dim 32 --vocab_size 64 --chunk_size 8',
        '--scan_chunk 32',
        '--compression_factor 2 --n_tokens 4 --threads 1',
      ]) {
        expect(call).toContain(part);
      }
    }
  });
  test('go on without a mode of the peer that fails, and say so once', async () => {
    const { code, stderr, file } = await run(fakePython(NO_COMPILER));
    expect(code).toBe(0);
    expect(stderr.match(/warning: PyTorch compile: .* got 3 \(no compiler\); it is left out/g)).toHaveLength(1);
    for (const { faster_peer, ratio } of file.cells) {
      expect(faster_peer).toBe('eager');
      expect(ratio.value).toBe(1 / 16);
    }
  });
  test('end a mode of the peer that takes too long', async () => {
    const { code, stderr, file } = await run(fakePython(HANGING), '', { peer_timeout: 5, rounds: 1 });
    expect(code).toBe(0);
    expect(stderr).toContain('warning: PyTorch compile: was ended after --peer_timeout 5 s');
    expect(file.cells[0].median_ms.compile).toBeNull();
  });
  test('are 1 when a cell of ours fails, and name it', async () => {
    const failing = "if (cell.model === 'BSBR' && cell.phase === 'decode') throw new Error('broken')";
    const { code, stdout, stderr, file } = await run(fakePython(), failing);
    expect(code).toBe(1);
    expect(stderr).toContain('warning: attnscale: BSBR decode 8: broken');
    expect(stdout).toMatch(/BSBR +│ 8 +│ decode +│ – .*│ – /);
    const without = file.cells.filter(({ ratio }: { ratio: unknown }) => ratio === null);
    expect(without.map(peerCellKey)).toEqual(['BSBR decode 8', 'BSBR decode 16']);
  });
});

describe('npm run peers', () => {
  async function call(...argv: string[]) {
    const { text, streams } = recorder();
    return { code: await main([...argv, '--output_dir', join(folder, 'results')], streams), ...text };
  }
  test('without torch is 2 in one line that names PYTHON, and writes nothing', async () => {
    vi.stubEnv('PYTHON', process.execPath); // an interpreter, but of no Python
    const { code, stdout, stderr } = await call();
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(
      /^error: PYTHON: must name a Python with torch and numpy \(pip install[^\n]+, got [^\n]+\n$/,
    );
    expect(existsSync(join(folder, 'results'))).toBe(false);
  });
  test.each([
    ['--rounds 0', '--rounds: must be a whole number of at least 1, got 0'],
    ['--peer_modes quick', "'quick' is invalid"],
    ['--seq_lengths many', 'got many'],
    ['--retrieval_norm l2', 'unknown flag --retrieval_norm'],
  ])('refuses %s', async (flags, reason) => {
    const { code, stderr } = await call(...flags.split(' '));
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: [^\n]+\n$/);
    expect(stderr).toContain(reason);
  });
});

test('every model has the name that the peer knows it by', () => {
  const peer = readFileSync(new URL('../../peers/torch_peer.py', import.meta.url), 'utf8');
  const known = /^MODELS = \{(.*)\}$/m.exec(peer)?.[1] ?? '';
  for (const name of ['BSBR', 'LinearTransformer', 'DeltaNet', 'Softmax']) {
    expect(known).toContain(`"${fixtureNameOf(name)}":`);
  }
});
