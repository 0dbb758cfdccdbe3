/**
 * Products with a left matrix whose rows are packed panel after panel, each as high as a product's vectors: a row of it then
 * lies in one piece, and a panel stays in the first-level cache while all columns of the right matrix pass.
 *
 * Matrices lie column after column, as in panels.h.
 */
#pragma once

#include <cstdint>

#include "panels.h"

namespace {

template <typename V>
constexpr int64_t kPanel = 2 * kLanes<V>;  // rows
/** Columns that are summed at a time: as many as there are registers for. */
template <typename V>
constexpr int64_t kPackedColumns = kLanes<V> == 16 ? 12 : 6;

/** `left` [m, k] as [m / kPanel][k][kPanel]; m a multiple of kPanel. @param step floats from a column to the next */
template <typename V>
INLINE void Pack(float* to, const float* left, int64_t step, int64_t m, int64_t k) {
  for (int64_t row = 0; row < m; row += kPanel<V>) {
    for (int64_t i = 0; i < k; i++, to += kPanel<V>) {
      for (int r = 0; r < 2; r++) Store(to + r * kLanes<V>, Load<V>(left + i * step + row + r * kLanes<V>));
    }
  }
}

/** `packed` [m / kPanel][k][kPanel] times a right matrix. @param p of the product, but for what concerns the left one */
template <typename V>
INLINE void MultiplyPacked(Panel p, const float* packed, int64_t m) {
  p.left_step = kPanel<V>;
  for (int64_t row = 0; row < m; row += kPanel<V>, p.out += kPanel<V>) {
    p.left = packed + row * p.k;
    MultiplyPanel<V, 2, kPackedColumns<V>>(p);
  }
}

}  // namespace
