/**
 * Products of small matrices for XLA.
 *
 * What XLA compiles calls __xla_cpu_runtime_EigenMatMulF32 for a product and __xla_cpu_runtime_EigenBatchMatMulF32 for
 * a stack of them. Those prepare each product for a thread pool, which takes longer than a product of [32, 32]. This
 * file is a part of tfjs-node's addon, and the dynamic linker resolves what libtensorflow refers to in the addon before
 * it looks in libtensorflow: so the calls come here, and what is not small goes on to the original. On other systems
 * than Linux on x64, and on processors without AVX2, nothing changes. Figures: docs/decisions/006-small-products.md.
 *
 * Matrices lie column after column, as XLA hands them over: left [m, k] times right [k, n] is out [m, n]; a transposed
 * one lies row after row.
 */
#if defined(__linux__) && defined(__x86_64__)

#include <dlfcn.h>

#include <cstdint>

#include "large_products.h"
#include "panels.h"

extern "C" const char* TF_Version();

namespace {

/** Rows and columns of `left` at most: beyond, the original's order of work gains more than its preparations cost. */
constexpr int64_t kSmall = 128;

/** N columns, from the first row on in panels R vectors high, as many as there are; `p` and `rows` become what is left. */
template <typename V, int R, int N>
INLINE void MultiplyRows(Panel& p, int64_t& rows, int64_t column) {
  constexpr int64_t kHeight = R * kLanes<V>;
  for (; rows >= kHeight; rows -= kHeight, p.out += kHeight, p.left += kHeight) MultiplyColumns<V, R, N>(p, column);
}

template <int N>
FOR_AVX512 INLINE void MultiplyColumnsAvx512(Panel p, int64_t rows, int64_t column) {
  MultiplyRows<Lanes16, 2, N>(p, rows, column);
  MultiplyRows<Lanes16, 1, N>(p, rows, column);
  MultiplyRows<Lanes8, 1, N>(p, rows, column);
  MultiplyRows<Lanes4, 1, N>(p, rows, column);
}

template <int N>
FOR_AVX2 INLINE void MultiplyColumnsAvx2(Panel p, int64_t rows, int64_t column) {
  MultiplyRows<Lanes8, 2, N>(p, rows, column);
  MultiplyRows<Lanes8, 1, N>(p, rows, column);
  MultiplyRows<Lanes4, 1, N>(p, rows, column);
}

/** All columns of so many rows, some columns at a time: `out` is then written as it lies. */
using Multiply = void (*)(const Panel&, int64_t rows);

FOR_AVX512 void MultiplyAvx512(const Panel& p, int64_t rows) {
  int64_t column = 0;
  for (; column + 8 <= p.n; column += 8) MultiplyColumnsAvx512<8>(p, rows, column);
  for (; column < p.n; column++) MultiplyColumnsAvx512<1>(p, rows, column);
}

FOR_AVX2 void MultiplyAvx2(const Panel& p, int64_t rows) {
  int64_t column = 0;
  for (; column + 4 <= p.n; column += 4) MultiplyColumnsAvx2<4>(p, rows, column);
  for (; column < p.n; column++) MultiplyColumnsAvx2<1>(p, rows, column);
}

Multiply MultiplyOfThisProcessor() {
  __builtin_cpu_init();  // this may run before the constructor that does so
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) return MultiplyAvx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return MultiplyAvx2;
  return nullptr;
}

/** Column after column of a `left` [m, k] that lies row after row. */
void Turn(float* to, const float* left, int64_t m, int64_t k) {
  int64_t row = 0;
  for (; row + 8 <= m; row += 8) {
    for (int64_t c = 0; c < k; c += 8) Transpose8(left + row * k + c, k, to + c * m + row, m);
  }
  for (; row < m; row++) {
    for (int64_t c = 0; c < k; c++) to[c * m + row] = left[row * k + c];
  }
}

/** Multiplies `count` pairs of matrices that lie one after the other, or returns false where that is not its to do. */
bool MultiplySmall(Multiply multiply, float* out, const float* left, const float* right, int64_t m, int64_t n,
                   int64_t k, int64_t count, bool left_transposed, bool right_transposed) {
  const bool small = m <= kSmall && k <= kSmall && m % 4 == 0 && (k % 8 == 0 || !left_transposed);
  if (multiply == nullptr || !small) return false;
  alignas(64) float turned[kSmall * kSmall];
  for (int64_t i = 0; i < count; i++, out += m * n, left += m * k, right += k * n) {
    if (left_transposed) Turn(turned, left, m, k);
    multiply({out, m, left_transposed ? turned : left, m, right, right_transposed ? n : 1, right_transposed ? 1 : k, n,
              k, nullptr},
             m);
  }
  return true;
}

const Multiply kMultiply = MultiplyOfThisProcessor();

/** The function of this name in libtensorflow itself. */
void* Original(const char* name) {
  Dl_info library;
  dladdr(reinterpret_cast<void*>(&TF_Version), &library);
  return dlsym(dlopen(library.dli_fname, RTLD_LAZY | RTLD_NOLOAD), name);
}

}  // namespace

extern "C" void __xla_cpu_runtime_EigenMatMulF32(const void* options, float* out, float* left, float* right, int64_t m,
                                                 int64_t n, int64_t k, int32_t left_transposed,
                                                 int32_t right_transposed) {
  static const auto original =
      reinterpret_cast<decltype(&__xla_cpu_runtime_EigenMatMulF32)>(Original("__xla_cpu_runtime_EigenMatMulF32"));
  const bool lies_as_it_should = !left_transposed && !right_transposed;
  if (kMultiply == MultiplyAvx2 && lies_as_it_should && MultiplyLarge(out, left, right, m, n, k)) return;
  if (MultiplySmall(kMultiply, out, left, right, m, n, k, 1, left_transposed, right_transposed)) return;
  original(options, out, left, right, m, n, k, left_transposed, right_transposed);
}

extern "C" void __xla_cpu_runtime_EigenBatchMatMulF32(const void* options, float* out, float* left, float* right,
                                                      int64_t m, int64_t n, int64_t k, int64_t count,
                                                      int32_t left_transposed, int32_t right_transposed) {
  static const auto original = reinterpret_cast<decltype(&__xla_cpu_runtime_EigenBatchMatMulF32)>(
      Original("__xla_cpu_runtime_EigenBatchMatMulF32"));
  if (MultiplySmall(kMultiply, out, left, right, m, n, k, count, left_transposed, right_transposed)) return;
  original(options, out, left, right, m, n, k, count, left_transposed, right_transposed);
}

#endif
