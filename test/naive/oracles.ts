/** What each registered model is held against: a new model adds its oracle here. */
import type { Config } from '../support/session.js';
import type { NaiveMixer } from './arrays.js';
import { naiveBsbr } from './bsbr.js';
import { naiveDeltaNet } from './delta_net.js';
import { naiveGatedDeltaNet } from './gated_delta_net.js';
import { naiveGla } from './gla.js';
import { naiveKda } from './kda.js';
import { naiveLinear } from './linear_transformer.js';
import { naiveMamba2 } from './mamba2.js';
import { naiveRetnet } from './retnet.js';
import { naiveSoftmax, naiveWindow } from './softmax.js';

export interface Oracle {
  readonly mixer: NaiveMixer;
  /** Floats a layer must remember of one row of n tokens (docs/models.md, "What it costs"). */
  readonly stateFloats: (config: Config, n: number) => number;
}

export const ORACLES: Readonly<Record<string, Oracle>> = {
  BSBR: {
    mixer: naiveBsbr,
    stateFloats({ hiddenDim: d, numHeads: H, chunk_size: C, compression_factor: factor }, n) {
      const D = d / H;
      const e = factor === 0 ? D * D : Math.floor(d / factor);
      return 2 * C * d + d * D + Math.floor(n / C) * (d + H * e);
    },
  },
  LinearTransformer: {
    mixer: naiveLinear,
    stateFloats: ({ hiddenDim: d, numHeads: H }) => (d * d) / H + d,
  },
  DeltaNet: {
    mixer: naiveDeltaNet,
    stateFloats: ({ hiddenDim: d, numHeads: H }) => (d * d) / H + 9 * d,
  },
  Softmax: {
    mixer: naiveSoftmax,
    stateFloats: (config, n) => 2 * n * kvDim(config),
  },
  SlidingWindow: {
    mixer: naiveWindow,
    stateFloats: (config) => 2 * (config.window_size ?? 64) * kvDim(config),
  },
  RetNet: {
    mixer: naiveRetnet,
    stateFloats: ({ hiddenDim: d, numHeads: H }) => (d * d) / H,
  },
  GLA: {
    mixer: naiveGla,
    stateFloats: ({ hiddenDim: d, numHeads: H }) => (d * d) / H,
  },
  Mamba2: {
    mixer: naiveMamba2,
    stateFloats: ({ hiddenDim: d, state_size: s }) => d * s + 3 * (d + 2 * s),
  },
  GatedDeltaNet: {
    mixer: naiveGatedDeltaNet,
    stateFloats: ({ hiddenDim: d, numHeads: H }) => (d * d) / H + 9 * d,
  },
  KDA: {
    mixer: naiveKda,
    stateFloats: ({ hiddenDim: d, numHeads: H }) => (d * d) / H + 9 * d,
  },
};

const kvDim = ({ hiddenDim: d, numHeads: H, kv_heads: kvHeads = H }: Config): number => (d / H) * kvHeads;
