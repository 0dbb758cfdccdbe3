/** Lower triangular matrices, many at a time. */
import * as tf from '../../tf.js';

/** Rows up to which a triangular inverse is made by substitution: with 8, no faster, XLA makes 1.4 times the code of a prefill. */
const SUBSTITUTED = 4;

/** [rows, columns], 1 where column <= row - offset, else 0. */
export function lowerTriangle(rows: number, offset = 0, columns = rows): tf.Tensor2D {
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) values.fill(1, row * columns, row * columns + Math.max(0, row + 1 - offset));
  return tf.tensor2d(values, [rows, columns]);
}

/** [[P, 0], [X, Q]] of P, X and Q [..., m, m]. */
export function lowerBlocks<X extends tf.Tensor>(P: X, X: X, Q: X): X {
  const [rank, m] = [P.rank, P.shape.at(-1) ?? 0];
  const above = tf.pad(P, [...Array.from({ length: rank - 1 }, (): [number, number] => [0, 0]), [0, m]]);
  return tf.concat<tf.Tensor>([above, tf.concat<tf.Tensor>([X, Q], rank - 1)], rank - 2) as X;
}

/**
 * (I + A)^-1 for the strictly lower triangle A of [n, C, C]; the rest is not read. Blocks of up to SUBSTITUTED rows by
 * substitution, larger ones by recursion, inv[[P, 0], [X, Q]] = [[P⁻¹, 0], [−Q⁻¹ X P⁻¹, Q⁻¹]].
 * The doubling product (I − A)(I + A²)… is equal in exact arithmetic and useless in float32 on correlated keys.
 */
export function unitLowerInverse(A: tf.Tensor3D): tf.Tensor3D {
  const [n, C] = A.shape;
  if (C <= SUBSTITUTED) return inverseBySubstitution(A);
  if (C % 2 === 1) {
    const even = tf.pad(A, [
      [0, 0],
      [0, 1],
      [0, 1],
    ]);
    return tf.slice(unitLowerInverse(even), [0, 0, 0], [n, C, C]);
  }
  const half = C / 2;
  const block = (row: number, column: number): tf.Tensor3D =>
    tf.slice(A, [0, row * half, column * half], [n, half, half]);
  const inverses = unitLowerInverse(tf.concat([block(0, 0), block(1, 1)], 0));
  const [P, Q] = tf.split(inverses, 2, 0) as [tf.Tensor3D, tf.Tensor3D];
  return lowerBlocks(P, tf.neg(tf.matMul(Q, tf.matMul(block(1, 0), P))), Q);
}

/** Row i of the inverse is e_i − Σ_{j<i} A_ij · row j; the n matrices lie side by side on the last axis. */
function inverseBySubstitution(A: tf.Tensor3D): tf.Tensor3D {
  const C = A.shape[1];
  const entries = tf.unstack(tf.transpose(A, [1, 2, 0])).map((row) => tf.split(row as tf.Tensor2D, C)); // [1, n] each
  const units = tf.split(tf.eye(C), C, 1); // [C, 1] each
  const rows: tf.Tensor[] = []; // [C, n] each
  for (const [i, row] of entries.entries()) {
    const known = rows.map((other, j) => tf.mul(row[j] as tf.Tensor, other));
    rows.push(
      known.reduce((sum, term) => tf.sub(sum, term), tf.add(units[i] as tf.Tensor, tf.zerosLike(row[0] as tf.Tensor))),
    );
  }
  return tf.transpose(tf.stack(rows) as tf.Tensor3D, [2, 0, 1]);
}
