/**
 * Products of a large matrix by one thread with AVX2: 78 to 90 GFLOP/s where XLA's own reach 63 to 75, wherever the result
 * outgrows the second-level cache (docs/decisions/006-small-products.md).
 *
 * Matrices lie column after column: left [m, k] times right [k, n] is out [m, n].
 */
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "packed.h"

namespace {

/** Fewer columns do not make up for packing the left matrix. */
constexpr int64_t kLeastColumns = 64;
/** Columns that pass a panel before the next: they and the packed matrix stay in the second-level cache. */
constexpr int64_t kColumnsAtATime = 192;
/** Entries of a column that are summed at a time: a panel of them fits the first-level cache. */
constexpr int64_t kDepth = 512;
/** Floats to pack at most. */
constexpr int64_t kMostPacked = 1 << 19;

/** Whether TensorFlow was told to compute an operation with one thread; others share a product. */
bool OneThread() {
  const char* asked = std::getenv("TF_NUM_INTRAOP_THREADS");
  return asked != nullptr && std::string(asked) == "1";
}

/** Or returns false where that is not its to do. */
FOR_AVX2 bool MultiplyLarge(float* out, const float* left, const float* right, int64_t m, int64_t n, int64_t k) {
  static const bool one_thread = OneThread();
  const int64_t depth = std::min(k, kDepth);
  if (!one_thread || m % kPanel<Lanes8> != 0 || n < kLeastColumns || m * depth > kMostPacked) return false;
  thread_local std::vector<float> packed, ones(kColumnsAtATime, 1.f);
  packed.resize(std::max<size_t>(packed.size(), m * depth));
  for (int64_t from = 0; from < k; from += depth) {
    const int64_t count = std::min(depth, k - from);
    Pack<Lanes8>(packed.data(), left + from * m, m, m, count);
    for (int64_t column = 0; column < n; column += kColumnsAtATime) {
      const int64_t columns = std::min(kColumnsAtATime, n - column);
      MultiplyPacked<Lanes8>({out + column * m, m, nullptr, 0, right + column * k + from, 1, k, columns, count,
                              from == 0 ? nullptr : ones.data()},
                             packed.data(), m);
    }
  }
  return true;
}

}  // namespace
