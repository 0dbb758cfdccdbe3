import type * as tf from '../tf.js';
import { recordOperator, usesOperator } from './record/recording.js';

const NAME = 'LinearAttention';
/** How `compile` is asked for the operator: where it is to read prompts, and where a step's token. */
export const READS_PROMPTS = NAME;
export const TAKES_STEPS = `${NAME}:step`;

/** Heads are side by side: q, k [B, T, H * D_k], or [B, T, D_k] for all heads, v [B, T, H * D_v]. */
export interface Sequence {
  readonly q: tf.Tensor3D;
  readonly k: tf.Tensor3D;
  readonly v: tf.Tensor3D;
  /** Log decays of the state, [B, T, H * D_k] or one a head, [B, T, H]; null: none. */
  readonly g: tf.Tensor3D | null;
  /** How far a token corrects what its key reads, beta_t (v_t − k_t S̃), [B, T, H]; null: it adds v_t. */
  readonly rate: tf.Tensor3D | null;
}

/** Whether what is being recorded is to call ONNX Runtime's operator for what `linearAttention` computes. */
export const hasLinearAttention = (use = READS_PROMPTS): boolean => usesOperator(use);

/**
 * A linear attention token by token, as one call of ONNX Runtime's LinearAttention (in ONNX itself from opset 27 on), where
 * `hasLinearAttention()`:
 *
 *     S̃ = diag(exp g_t) S_{t-1}        S_t = S̃ + k_tᵀ v_t, or S̃ + k_tᵀ beta_t (v_t − k_t S̃)        o_t = q_t S_t
 *
 * @param past S before the first token, [B, H, D_k, D_v]
 * @returns o [B, T, H * D_v], and S after the last token
 */
export function linearAttention({ q, k, v, g, rate }: Sequence, past: tf.Tensor4D): { o: tf.Tensor3D; S: tf.Tensor4D } {
  const [, H, width] = past.shape;
  const rule = [...(g === null ? [] : ['gated']), ...(rate === null ? [] : ['delta'])].join('_') || 'linear';
  const specs = [v, past].map(({ shape }) => ({ shape, dtype: 'float32' }) as const);
  const [o, S] = recordOperator(NAME, [q, k, v, past, g, rate], specs, {
    update_rule: { text: rule },
    ...{ q_num_heads: { int: q.shape[2] / width }, kv_num_heads: { int: H }, scale: { float: 1 } },
  }) as [tf.Tensor3D, tf.Tensor4D];
  return { o, S };
}
