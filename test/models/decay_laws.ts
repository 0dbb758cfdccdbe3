/** Rules of states that decay, by chunks and by steps, against the recurrence in float64: on decays that break careless forms. */
import { expect } from 'vitest';
import type { Runner } from '../../src/models/model.js';
import type { Chunks } from '../../src/models/parts/chunks.js';
import {
  channelDecay,
  type Decay,
  decayOfHeads,
  fixedDecays,
  headDecays,
  noDecay,
} from '../../src/models/parts/decays.js';
import { additiveRule, additiveStep, deltaRule, deltaStep, type Inputs } from '../../src/models/parts/rules.js';
import { random } from '../../src/random.js';
import * as tf from '../../src/tf.js';
import { tidyTree } from '../../src/tree.js';
import { l2Norm, type Matrix, range, unflatten, type Vector } from '../naive/arrays.js';
import { decayingAttention } from '../naive/decays.js';
import { gatedDeltaRule } from '../naive/gated_delta_net.js';
import { expectClose, normals } from '../support/session.js';

const [T, C, D] = [4096, 64, 8];
/** Of a position whose o is small beside those around it, the error is held against a hundredth of theirs. */
const DECAYED = 1e-4;
/** Of steps: where g and S stay, each rounds S in one direction, by half of its last place at most. */
const STEPPED = DECAYED + T * 2 ** -25;

/** Log decays of a token and a channel, drawn from [0, 1). */
const KINDS: Readonly<Record<string, (drawn: number, t: number, channel: number) => number>> = {
  none: () => 0,
  'one in a million': () => -1e-6,
  strong: () => -50,
  'stronger than exp can say': () => -1e4,
  'nothing or everything': (drawn) => (drawn < 0.5 ? 0 : -1000),
  'a spike now and then': (drawn) => (drawn < 0.03 ? -1e4 : -1e-3),
  'of all sizes': (drawn) => -(10 ** (10 * drawn - 6)),
  'other for each channel': (drawn, _, channel) => -drawn * 4 ** (channel - 8),
  'infinite at times': (drawn) => (drawn < 0.1 ? Number.NEGATIVE_INFINITY : -drawn),
  'as models begin': (drawn, t) => -(1 + 15 * drawn) * 1e-3 * 100 ** ((t % 97) / 97),
};
const ROWS = Object.keys(KINDS);

type Rows = readonly Matrix[]; // a row of B * H each, [tokens, D]

const float32 = (rows: Rows): Rows => rows.map((row) => row.map((x) => x.map(Math.fround)));
const normalRows = (name: string, tokens: number): Rows =>
  ROWS.map((_, i) => unflatten(Array.from(normals(tokens * D, i + 1, name)), D));

/** q, k, v of unit size, and beta, in every row; the same key and value for a while in half of them. */
function drawn(tokens: number) {
  const unit = (rows: Rows): Rows => float32(rows.map((row) => row.map(l2Norm)));
  const repeated = (rows: Rows): Rows =>
    rows.map((row, i) => row.map((x, t) => (i % 2 === 0 ? x : (row[t - (t % 512)] ?? x))));
  const uniform = random(1, 'beta').float;
  return {
    q: unit(normalRows('q', tokens)),
    k: unit(repeated(normalRows('k', tokens))),
    v: float32(repeated(normalRows('v', tokens))),
    beta: ROWS.map(() => range(tokens).map(() => [Math.fround(uniform())])),
    start: normalRows('S', D),
  };
}
type Drawn = ReturnType<typeof drawn>;

/** Log decays [tokens, D] of every row, or one for all channels. */
function decaysOf(tokens: number, byChannel: boolean): Rows {
  const { float } = random(2, 'g');
  return float32(
    Object.values(KINDS).map((kind) =>
      range(tokens).map((t) => {
        if (byChannel) return range(D).map((channel) => kind(float(), t, channel));
        const g = kind(float(), t, t % D);
        return range(D).map(() => g);
      }),
    ),
  );
}

/** Rows [R, tokens, width] as chunks of C tokens. */
function chunks(rows: Rows, size = C): Chunks {
  const [R, tokens, width] = [rows.length, rows[0]?.length ?? 0, rows[0]?.[0]?.length ?? 0];
  const N = Math.ceil(tokens / size);
  const padded = tf.pad(tf.tensor3d(rows.flat(2), [R, tokens, width]), [
    [0, 0],
    [0, N * size - tokens],
    [0, 0],
  ]);
  return tf.transpose(tf.reshape(padded, [R, N, size, width]), [1, 0, 2, 3]);
}
const unchunked = (x: Chunks): tf.Tensor3D =>
  tf.reshape(tf.transpose(x, [1, 0, 2, 3]), [x.shape[1], x.shape[0] * x.shape[2], x.shape[3]]);

type Rule = 'additive' | 'delta';
/** k and v as the rule takes them: times sqrt(beta) in the delta rule. */
function inputsOf({ q, k, v, beta }: Drawn, rule: Rule, size: number): Inputs {
  const rates = tf.sqrt(chunks(beta, size));
  const weighted = (x: Chunks): Chunks => (rule === 'delta' ? tf.mul(x, rates) : x);
  return { q: chunks(q, size), k: weighted(chunks(k, size)), v: weighted(chunks(v, size)) };
}
const startOf = ({ start }: Drawn): Chunks => tf.tensor4d(start.flat(2), [1, start.length, D, D]);
const chunkRules = { additive: additiveRule, delta: deltaRule } as const;
const stepRules = { additive: additiveStep, delta: deltaStep } as const;

type Values = { readonly o: Rows; readonly S: Rows };
const valuesOf = ({ o, S }: { o: tf.Tensor3D; S: tf.Tensor3D }): Values => ({ o: o.arraySync(), S: S.arraySync() });

const known = new Map<string, Values>();
function expectedOf(given: Drawn, rule: Rule, byChannel: boolean): Values {
  const key = `${rule} ${byChannel}`;
  const values = known.get(key) ?? byRecurrence(given, rule, decaysOf(T, byChannel));
  known.set(key, values);
  return values;
}

function byRecurrence({ q, k, v, beta, start }: Drawn, rule: Rule, g: Rows): Values {
  const runs = ROWS.map((_, i) => {
    const [S, q_i, k_i, v_i, g_i] = [start, q, k, v, g].map((rows) => rows[i] as Matrix) as [
      Matrix,
      Matrix,
      Matrix,
      Matrix,
      Matrix,
    ];
    return rule === 'additive'
      ? decayingAttention(S, q_i, k_i, v_i, g_i)
      : gatedDeltaRule(S, q_i, k_i, v_i, beta[i] as Matrix, g_i);
  });
  return { o: runs.map(({ o }) => o), S: runs.map(({ S }) => S) };
}

/** The largest error of a row's positions; where o is all but 0, against a hundredth of what it mostly is. */
function worstRatio(got: Matrix, expected: Matrix): number {
  const rms = (x: Vector): number => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length);
  const usual = rms(expected.flat());
  const ratios = got.map((o, t) => {
    const wanted = expected[t] as Vector;
    return rms(o.map((value, i) => value - (wanted[i] as number))) / Math.max(rms(wanted), usual / 100);
  });
  return ratios.reduce((worst, ratio) => (ratio <= worst ? worst : ratio), 0); // a NaN stays
}

function expectValues(got: Values, expected: Values, how: string, tolerance = DECAYED): void {
  for (const [i, kind] of ROWS.entries()) {
    expect(worstRatio(got.o[i] as Matrix, expected.o[i] as Matrix), `${how}, ${kind}`).toBeLessThan(tolerance);
    expectClose((got.S[i] as Matrix).flat(), (expected.S[i] as Matrix).flat(), `${how}, ${kind}: state`, tolerance);
  }
}

const eager: Runner =
  (fn) =>
  (params, ...args) =>
    tidyTree(() => fn(params, ...args));

/** 4,096 tokens by chunks, and by steps where they are cheap. */
const matchesRecurrence = (rule: Rule, byChannel: boolean) => (mode: { readonly run?: Runner }) => {
  const given = drawn(T);
  const g = decaysOf(T, byChannel);
  const expected = expectedOf(given, rule, byChannel);
  const decayOf = (log: Chunks): Decay => (byChannel ? channelDecay(log) : decayOfHeads(headDecays(log)));
  const run = (mode.run ?? eager)(
    (_: [], inputs: { q: Chunks; k: Chunks; v: Chunks }, log: Chunks, start: Chunks) => {
      const { o, S } = chunkRules[rule](inputs, decayOf(log), start, false);
      const last = { ...inputs, q: tf.slice(inputs.q, [0, 0, 0, 0], [1, -1, 1, -1]) };
      const { S: alone } = chunkRules[rule](last, decayOf(log), start, true);
      const [state, end] = [S, alone].map((each) => tf.squeeze<tf.Tensor3D>(each, [0])) as [tf.Tensor3D, tf.Tensor3D];
      return { o: unchunked(o), S: state, end };
    },
    { optimize: 'whole' },
  );
  const logs = (size: number) => chunks(byChannel ? g : g.map((row) => row.map(([first]) => [first as number])), size);
  const got = tf.tidy(() => {
    const { q, k, v } = inputsOf(given, rule, C);
    const out = run([], { q, k, v }, logs(C), startOf(given));
    const values = { ...valuesOf(out), end: out.end.arraySync() };
    tf.dispose([out.o, out.S, out.end]);
    return values as unknown as tf.TensorContainer;
  }) as unknown as Values & { readonly end: Rows };
  expectValues(got, expected, 'by chunks');
  expectValues({ o: got.o, S: got.end }, expected, 'where the last position alone is read');
  if (byChannel && mode.run === undefined)
    expectValues(
      bySteps(
        given,
        rule,
        tf.tidy(() => logs(1)),
      ),
      expected,
      'by steps',
      STEPPED,
    );
};

/** @param logs [tokens, rows, 1, D], disposed */
function bySteps(given: Drawn, rule: Rule, logs: Chunks): Values {
  const { q, k, v } = tidyTree(() => ({ ...inputsOf(given, rule, 1) }));
  const tokens = [q, k, v, logs].map((x) => x.dataSync<'float32'>().slice()) as Float32Array[];
  tf.dispose([q, k, v, logs]);
  const size = ROWS.length * D;
  let S = startOf(given);
  const o = range(T).map((t) => {
    const past = S;
    const next = tidyTree(() => {
      const [q_t, k_t, v_t, g_t] = tokens.map((x) =>
        tf.tensor4d(x.subarray(t * size, (t + 1) * size), [1, ROWS.length, 1, D]),
      ) as [Chunks, Chunks, Chunks, Chunks];
      return { ...stepRules[rule]({ q: q_t, k: k_t, v: v_t }, past, g_t) };
    });
    S = next.S;
    past.dispose();
    const read = unflatten(Array.from(next.o.dataSync()), D);
    next.o.dispose();
    return read;
  });
  const [last = []] = S.arraySync();
  S.dispose();
  return { o: ROWS.map((_, i) => o.map((rows) => rows[i] as Vector)), S: last };
}

/** One rule with two decays that are the same. */
function sameOf(tokens: number, size: number, one: Decay, other: Decay): void {
  const given = drawn(tokens);
  for (const rule of ['additive', 'delta'] as const) {
    const values = [one, other].map((decay) =>
      tf.tidy(() => {
        const { o, S } = chunkRules[rule](inputsOf(given, rule, size), decay, startOf(given), false);
        return [...o.dataSync(), ...S.dataSync()] as unknown as tf.TensorContainer;
      }),
    ) as unknown as number[][];
    expectClose(values[0] ?? [], values[1] ?? [], `${rule}, ${tokens} tokens by ${size}`, 2e-6);
  }
}

const zeroLogs = (tokens: number, width: number, value = 0): Chunks =>
  tf.fill([Math.ceil(tokens / 16), ROWS.length, 16, width], value);

function withoutDecay(): void {
  tf.tidy(() => {
    sameOf(96, 16, channelDecay(zeroLogs(96, D)), noDecay);
    sameOf(96, 16, decayOfHeads(headDecays(zeroLogs(96, 1))), noDecay);
    sameOf(96, 16, decayOfHeads(fixedDecays(ROWS.map(() => 0), 96, 16)), noDecay); // biome-ignore format: one line
  });
}

function equalChannels(): void {
  tf.tidy(() => {
    const logs = ROWS.map((_, i) => Math.fround(Math.log1p(-(2 ** (-5 - i)))));
    const g: Chunks = tf.mul(tf.ones([6, 1, 16, 1]), tf.tensor4d(logs, [1, ROWS.length, 1, 1]));
    const fixed = decayOfHeads(fixedDecays(logs, 96, 16));
    sameOf(96, 16, decayOfHeads(headDecays(g)), fixed);
    sameOf(96, 16, channelDecay(tf.mul(g, tf.ones([D]))), fixed);
  });
}

/** A chunk that begins with nothing left reads its own token alone. */
function nothingIsKept(): void {
  for (const rule of ['additive', 'delta'] as const) {
    tf.tidy(() => {
      const given = drawn(96);
      const inputs = inputsOf(given, rule, 16);
      const { o } = chunkRules[rule](inputs, channelDecay(zeroLogs(96, D, -1e5)), startOf(given), false);
      const own = tf.mul(tf.sum(tf.mul(inputs.q, inputs.k), 3, true), inputs.v);
      expectClose(o.dataSync(), own.dataSync(), rule, 1e-6);
    });
  }
}

/** With k and v times sqrt(beta) = 0. */
function nothingIsWritten(): void {
  tf.tidy(() => {
    const given = drawn(96);
    const { q, k, v } = inputsOf(given, 'delta', 16);
    const none = { q, k: tf.zerosLike(k), v: tf.zerosLike(v) };
    const { o, S } = deltaRule(none, channelDecay(zeroLogs(96, D, -0.1)), tf.zeros([1, ROWS.length, D, D]), false);
    for (const read of [o, S]) expect(read.dataSync().every((value) => value === 0)).toBe(true);
  });
}

/** Prompts of every length, the last chunk padded: its state decays by the tokens that are there. */
function paddingDoesNotDecay(): void {
  const state = (decayOf: (tokens: number) => Decay, tokens: number): Float32Array =>
    tf.tidy(() => {
      const given = drawn(tokens);
      return additiveRule(inputsOf(given, 'additive', 8), decayOf(tokens), startOf(given), true)
        .S.dataSync<'float32'>()
        .slice() as unknown as tf.TensorContainer;
    }) as unknown as Float32Array;
  const log = Math.fround(Math.log1p(-(2 ** -5)));
  for (const tokens of [1, 3, 7, 8, 9, 20]) {
    const given = drawn(tokens);
    const g = ROWS.map(() => range(tokens).map(() => range(D).map(() => log)));
    const expected = byRecurrence(given, 'additive', g).S.flat(2);
    const ofHeads = g.map((row) => row.map(() => [log]));
    const fixed = (n: number) => decayOfHeads(fixedDecays(ROWS.map(() => log), n, 8)); // biome-ignore format: one line
    expectClose(state(fixed, tokens), expected, `fixed, ${tokens}`, 1e-6);
    expectClose(
      state(() => decayOfHeads(headDecays(chunks(ofHeads, 8))), tokens),
      expected,
      `heads, ${tokens}`,
      1e-6,
    );
    expectClose(
      state(() => channelDecay(chunks(g, 8)), tokens),
      expected,
      `channels, ${tokens}`,
      1e-6,
    );
  }
}

type Law = (mode: { readonly run?: Runner }) => void;
/** Also for what is compiled. */
export const STRONG_DECAYS: Readonly<Record<string, Law>> = {
  'the additive rule with a decay a head matches the recurrence over 4,096 tokens': matchesRecurrence(
    'additive',
    false,
  ),
  'the additive rule with a decay a channel does': matchesRecurrence('additive', true),
  'the delta rule with a decay a head does': matchesRecurrence('delta', false),
  'the delta rule with a decay a channel does': matchesRecurrence('delta', true),
};
export const DECAY_LAWS: Readonly<Record<string, Law>> = {
  ...STRONG_DECAYS,
  'a decay of 1 is none': withoutDecay,
  'equal channels are a head, and equal tokens fixed decays': equalChannels,
  'a decay of 0 leaves a token itself': nothingIsKept,
  'beta = 0 writes exactly nothing': nothingIsWritten,
  'tokens that pad a chunk do not decay the state': paddingDoesNotDecay,
};
