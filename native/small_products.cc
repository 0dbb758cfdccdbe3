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
#include <cstring>

#include "panels.h"

extern "C" const char* TF_Version();

namespace {

/** Rows and columns of `left` at most: beyond, the original's order of work gains more than its preparations cost. */
constexpr int64_t kSmall = 128;
constexpr int64_t kMostHeight = 32;

/** Code for panels of one height. */
struct Kernel {
  int64_t height;
  void (*multiply)(const Panel&);
};

FOR_AVX512 void Multiply32Avx512(const Panel& p) { MultiplyPanel<Lanes16, 2, 8>(p); }
FOR_AVX512 void Multiply16Avx512(const Panel& p) { MultiplyPanel<Lanes16, 1, 8>(p); }
FOR_AVX512 void Multiply8Avx512(const Panel& p) { MultiplyPanel<Lanes8, 1, 8>(p); }
FOR_AVX2 void Multiply16Avx2(const Panel& p) { MultiplyPanel<Lanes8, 2, 4>(p); }
FOR_AVX2 void Multiply8Avx2(const Panel& p) { MultiplyPanel<Lanes8, 1, 4>(p); }

// By height, largest first, down to 8.
constexpr Kernel kAvx512[] = {{kMostHeight, Multiply32Avx512}, {16, Multiply16Avx512}, {8, Multiply8Avx512}};
constexpr Kernel kAvx2[] = {{16, Multiply16Avx2}, {8, Multiply8Avx2}};

const Kernel* KernelsOfThisProcessor() {
  __builtin_cpu_init();  // this may run before the constructor that does so
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) return kAvx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return kAvx2;
  return nullptr;
}

/** Puts `height` rows of `left`, from `row` on, together. */
void Gather(float* to, const float* left, int64_t row, int64_t height, int64_t m, int64_t k, bool transposed) {
  if (transposed) {
    for (int64_t r = 0; r < height; r += 8) {
      for (int64_t c = 0; c < k; c += 8) Transpose8(left + (row + r) * k + c, k, to + c * height + r, height);
    }
  } else {
    for (int64_t c = 0; c < k; c++) std::memcpy(to + c * height, left + c * m + row, height * sizeof(float));
  }
}

/** Multiplies `count` pairs of matrices that lie one after the other, or returns false where that is not its to do. */
bool MultiplySmall(const Kernel* kernels, float* out, const float* left, const float* right, int64_t m, int64_t n,
                   int64_t k, int64_t count, bool left_transposed, bool right_transposed) {
  const bool small = m <= kSmall && k <= kSmall && m % 8 == 0 && (k % 8 == 0 || !left_transposed);
  if (kernels == nullptr || !small) return false;
  alignas(64) float gathered[kMostHeight * kSmall];
  for (int64_t i = 0; i < count; i++, out += m * n, left += m * k, right += k * n) {
    const Kernel* kernel = kernels;
    for (int64_t row = 0; row < m; row += kernel->height) {
      while (row + kernel->height > m) kernel++;
      const bool as_it_lies = kernel->height == m && !left_transposed;
      if (!as_it_lies) Gather(gathered, left, row, kernel->height, m, k, left_transposed);
      kernel->multiply({out + row, m, as_it_lies ? left : gathered, kernel->height, right, right_transposed ? n : 1,
                        right_transposed ? 1 : k, n, k, nullptr});
    }
  }
  return true;
}

const Kernel* const kKernels = KernelsOfThisProcessor();

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
  if (MultiplySmall(kKernels, out, left, right, m, n, k, 1, left_transposed, right_transposed)) return;
  original(options, out, left, right, m, n, k, left_transposed, right_transposed);
}

extern "C" void __xla_cpu_runtime_EigenBatchMatMulF32(const void* options, float* out, float* left, float* right,
                                                      int64_t m, int64_t n, int64_t k, int64_t count,
                                                      int32_t left_transposed, int32_t right_transposed) {
  static const auto original = reinterpret_cast<decltype(&__xla_cpu_runtime_EigenBatchMatMulF32)>(
      Original("__xla_cpu_runtime_EigenBatchMatMulF32"));
  if (MultiplySmall(kKernels, out, left, right, m, n, k, count, left_transposed, right_transposed)) return;
  original(options, out, left, right, m, n, k, count, left_transposed, right_transposed);
}

#endif
