/** Which models run on which engines: `--models`, `--engines`, `--device`, `--peer`, and the flags of before, `--backend` and `--mode`. */
import { resolve } from 'node:path';
import type { Engine } from '../../src/engines/engine.js';
import { peerEngine } from '../../src/engines/peer.js';
import { findOwnEngine, OWN_ENGINE_IDS, ownEngine, preferredEngine } from '../../src/engines/registry.js';
import { check } from '../../src/errors.js';
import { MODEL_GROUPS } from '../../src/models/groups.js';
import { type ModelRow, splitExpressions } from '../../src/models/rows.js';
import { nearest } from '../../src/nearest.js';
import type { Device } from '../../src/onnx_check.js';
import { WORKER_FILE } from '../shared/package_folder.js';
import type { Flags } from './flags.js';

export type EngineFlags = Pick<Flags, 'models' | 'engines' | 'device' | 'peer' | 'backend' | 'mode'> & {
  readonly model?: Flags['model'];
};

export interface EnginePlan {
  /** Rows of models, and where each runs; each pair once, in the order of --models. */
  readonly pairs: readonly { readonly row: ModelRow; readonly engine: string }[];
  /** Those of the pairs, ours first. */
  readonly engines: readonly Engine[];
}

const groups = new Map(Object.entries(MODEL_GROUPS));
/** The best of ours that this machine has. */
const AUTO = 'auto';

/**
 * @param rowOf the row that an expression of --models asks for
 * @throws UserError naming the flag: of an engine that is not known or not to be had, or a peer without name or command
 */
export function planEngines(flags: EngineFlags, rowOf: (expression: string) => ModelRow): EnginePlan {
  const { words, where } = askedEngines(flags);
  const peers = peersOf(flags.peer);
  const engineOf = (id: string, where: string): Engine =>
    peers.get(id) ?? knowing(flags.model ?? [], ownEngineOf(id, flags.device, [...peers.keys()], where));
  const everywhere = [...words.map((id) => engineOf(id, where)), ...peers.values()];
  const found = splitExpressions(flags.models).flatMap((word) => {
    const [, model = '', id] = /^(.*?)(?:@([^@()]*))?$/s.exec(word) ?? [];
    const engines = id === undefined ? everywhere : [engineOf(id.trim(), `--models: ${word.trim()}`)];
    const rows = (groups.get(model.trim()) ?? [model]).map(rowOf);
    return rows.flatMap((row) => engines.map((engine) => ({ row, engine })));
  });
  const pairs = new Map(found.map(({ row, engine: { id } }) => [`${row.name}@${id}`, { row, engine: id }]));
  const engines = new Map(found.map(({ engine }) => [engine.id, engine]));
  checkDevice(flags.device, [...engines.values()]);
  return {
    pairs: [...pairs.values()],
    engines: [...engines.values()].sort((a, b) => Number(a.command !== null) - Number(b.command !== null)),
  };
}

/** What the user is to know, a line each: what old flags mean today, and why the best engine that there is does not run. */
export function engineNotes(flags: EngineFlags): string[] {
  const { words, note } = askedEngines(flags);
  const isAsked = words.includes(AUTO) && splitExpressions(flags.models).some((word) => !word.includes('@'));
  const { id, missing } = preferredEngine(flags.device);
  const reasons = missing.map((better) => `${better.id} cannot be loaded: ${better.reason}`).join('; ');
  return [
    ...(note === null ? [] : [note]),
    ...(isAsked && missing.length > 0
      ? [`warning: ${id} is used, whose times are not comparable with ${missing[0]?.id}: ${reasons}`]
      : []),
  ];
}

function ownEngineOf(id: string, device: Device, peers: readonly string[], where: string): Engine {
  const known = [AUTO, ...OWN_ENGINE_IDS, ...peers];
  const meant = `did you mean ${nearest(id, known)}? (${known.join(', ')})`;
  check(known.includes(id), `${where}: no engine is called ${id === '' ? "''" : id}; ${meant}`);
  const own = findOwnEngine(id === AUTO ? preferredEngine(device).id : id, where);
  const problem = own.problem();
  check(problem === null, `${where}: ${own.id} cannot be loaded: ${problem}`);
  return ownEngine(own, WORKER_FILE, device);
}

/** Engines that know one device alone run beside others; but what was asked for is to be used by one. */
function checkDevice(device: Device, engines: readonly Engine[]): void {
  const own = engines.filter(({ command }) => command === null).map(({ id }) => findOwnEngine(id, '--engines'));
  const isUsed = device === 'cpu' || own.some(({ devices }) => devices.includes(device));
  check(
    isUsed,
    `--device: ${device} needs an engine that has it, such as onnx, got ${own.map(({ id }) => id).join(', ')}`,
  );
}

/** An engine of ours whose processes know models of one's own. */
const knowing = (files: readonly string[], engine: Engine): Engine => ({
  ...engine,
  program: [...engine.program, ...files.flatMap((file) => ['--model', resolve(file)])],
});

/** @param words `NAME=COMMAND` */
function peersOf(words: readonly string[]): ReadonlyMap<string, Engine> {
  const peers = new Map<string, Engine>();
  for (const word of words) {
    const [, name = '', command = ''] = /^([a-z][\w.-]*)=(.*\S.*)$/is.exec(word) ?? [];
    check(name !== '', `--peer: must be NAME='COMMAND', got ${word.trim() === '' ? `'${word}'` : word}`);
    const isTaken = [AUTO, ...OWN_ENGINE_IDS].includes(name);
    check(!isTaken, `--peer: must have a name that no engine of ours has, got ${name}`);
    const other = peers.get(name)?.command ?? command;
    check(other === command, `--peer: ${name}: must be one command, got ${other} and ${command}`);
    peers.set(name, peerEngine(name, command));
  }
  return peers;
}

/** The engines of all models, where they were asked for, and what the flags of before mean today. */
function askedEngines({
  engines,
  backend,
  mode,
}: EngineFlags): Omit<Before, 'note'> & { readonly note: string | null } {
  const before = askedBefore({ backend, mode }, { flag: '--engines', value: engines, mode: AUTO });
  return before ?? { words: (engines ?? [AUTO]).flatMap((word) => word.split(',')), where: '--engines', note: null };
}

interface Before {
  readonly words: readonly string[];
  readonly where: string;
  readonly note: string;
}

/**
 * What the flags of before ask for; null without them.
 * @param now the flag that has taken their place, what it was given, and the mode where one is not said
 */
export function askedBefore(
  { backend, mode }: { readonly backend: Flags['backend'] | undefined; readonly mode: Flags['mode'] | undefined },
  now: { readonly flag: string; readonly value: unknown; readonly mode: NonNullable<Flags['mode']> },
): Before | null {
  const given = Object.entries({ backend, mode }).flatMap(([flag, word]) =>
    word === undefined ? [] : [`--${flag} ${word}`],
  );
  if (given.length === 0) return null;
  const where = given.join(' ');
  check(now.value === undefined, `${where}: ${now.flag} says it all, got both`);
  const words = enginesBefore(backend ?? AUTO, mode ?? now.mode);
  return { words, where, note: `${where} is now ${now.flag} ${words.join(' ')}` };
}

/** What --backend and --mode mean today. */
export function enginesBefore(
  backend: NonNullable<Flags['backend']>,
  mode: NonNullable<Flags['mode']>,
): readonly string[] {
  if (mode === AUTO) return [backend];
  if (mode === 'eager') {
    const isWasm =
      backend === 'wasm' || (backend === AUTO && findOwnEngine('tensorflow-eager', '--mode').problem() !== null);
    return [isWasm ? 'wasm' : 'tensorflow-eager'];
  }
  check(backend !== 'wasm', `--mode: ${mode} needs tensorflow, got --backend wasm; leave --mode out`);
  return mode === 'both' ? ['tensorflow-eager', 'tensorflow'] : ['tensorflow'];
}
