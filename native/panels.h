/**
 * Products of panels, which are matrices so low that their sums stay in registers, with AVX-512, AVX2 or AVX.
 *
 * Matrices lie column after column: left [m, k] times right [k, n] is out [m, n].
 */
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace {

using Lanes16 = float __attribute__((vector_size(64)));
using Lanes8 = float __attribute__((vector_size(32)));
using Lanes4 = float __attribute__((vector_size(16)));

#define FOR_AVX512 __attribute__((target("avx512f,avx512vl,fma")))
#define FOR_AVX __attribute__((target("avx")))
#define FOR_AVX2 __attribute__((target("avx2,fma")))
#define UNROLL _Pragma("GCC unroll 16")  // what is written out stays in registers
#define INLINE [[gnu::always_inline]] inline  // so that a function for a processor has templates compiled for it

template <typename V>
constexpr int64_t kLanes = sizeof(V) / sizeof(float);

template <typename V>
INLINE V Load(const float* from) {
  V vector;
  std::memcpy(&vector, from, sizeof(V));  // from any address: a dereference takes it for aligned
  return vector;
}

template <typename V>
INLINE void Store(float* to, const V& vector) {
  std::memcpy(to, &vector, sizeof(V));
}

template <typename V>
INLINE float SumOf(const V& vector) {
  float sum = 0;
  UNROLL for (int64_t i = 0; i < kLanes<V>; i++) sum += vector[i];
  return sum;
}

/** What this processor can run of code for three; AVX is what libtensorflow needs as well. */
template <typename Code>
Code ForThisProcessor(Code avx512, Code avx2, Code avx) {
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) return avx512;
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? avx2 : avx;
}

/** Some rows of a product. */
struct Panel {
  float* out;
  int64_t out_step;  // floats from a column of `out` to the next
  const float* left;
  int64_t left_step;  // floats from a column of `left` to the next
  const float* right;
  int64_t right_row, right_column;  // floats from an entry of `right` to the next below it, and beside it
  int64_t n, k;
  const float* kept;  // what `out` counts, column by column, in the sum; null to overwrite it
};

/** N columns of a panel R vectors high. */
template <typename V, int R, int N>
INLINE void MultiplyColumns(const Panel& p, int64_t column) {
  V sums[N][R];
  UNROLL for (int c = 0; c < N; c++) {
    UNROLL for (int r = 0; r < R; r++) sums[c][r] = V{};
  }
  for (int64_t k = 0; k < p.k; k++) {
    V left[R];
    UNROLL for (int r = 0; r < R; r++) left[r] = Load<V>(p.left + k * p.left_step + r * kLanes<V>);
    UNROLL for (int c = 0; c < N; c++) {
      const float right = p.right[k * p.right_row + (column + c) * p.right_column];
      UNROLL for (int r = 0; r < R; r++) sums[c][r] += left[r] * right;
    }
  }
  UNROLL for (int c = 0; c < N; c++) {
    float* out = p.out + (column + c) * p.out_step;
    UNROLL for (int r = 0; r < R; r++) {
      if (p.kept != nullptr) sums[c][r] += Load<V>(out + r * kLanes<V>) * p.kept[column + c];
      Store(out + r * kLanes<V>, sums[c][r]);
    }
  }
}

template <typename V, int R, int N>
INLINE void MultiplyPanel(const Panel& p) {
  int64_t column = 0;
  for (; column + N <= p.n; column += N) MultiplyColumns<V, R, N>(p, column);
  for (; column + 2 <= p.n; column += 2) MultiplyColumns<V, R, 2>(p, column);
  if (column < p.n) MultiplyColumns<V, R, 1>(p, column);
}

/** to[j * to_step + i] = from[i * from_step + j] for i and j below 8. */
FOR_AVX void Transpose8(const float* from, int64_t from_step, float* to, int64_t to_step) {
  __m256 rows[8], pairs[8], fours[8];
  for (int i = 0; i < 8; i++) rows[i] = _mm256_loadu_ps(from + i * from_step);
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    for (int j = 0; j < 2; j++) {
      fours[i + 2 * j] = _mm256_shuffle_ps(pairs[i + j], pairs[i + j + 2], 0x44);
      fours[i + 2 * j + 1] = _mm256_shuffle_ps(pairs[i + j], pairs[i + j + 2], 0xee);
    }
  }
  for (int i = 0; i < 4; i++) {
    _mm256_storeu_ps(to + i * to_step, _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x20));
    _mm256_storeu_ps(to + (i + 4) * to_step, _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x31));
  }
}

}  // namespace
