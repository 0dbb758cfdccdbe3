// Every code of native/small_products.cc that this processor runs, on every small shape of a table and some large ones,
// against sums in double. Prints what is wrong; the shapes that MultiplySmall leaves to XLA are counted.
#include "../../native/small_products.cc"

#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

extern "C" const char* TF_Version() { return ""; }

namespace {

constexpr int64_t kCount = 3;

float Next() {
  static uint32_t state = 1;
  state = state * 1664525 + 1013904223;
  return static_cast<float>(state >> 8) / (1 << 23) - 1;
}

std::vector<float> Random(int64_t size) {
  std::vector<float> values(size);
  for (float& value : values) value = Next();
  return values;
}

/** Whether each entry is within one rounding a term of the exact sum; true as well where nothing was computed. */
bool IsRight(Multiply multiply, int64_t m, int64_t n, int64_t k, bool left_transposed, bool right_transposed,
             int* taken) {
  const auto left = Random(kCount * m * k), right = Random(kCount * k * n);
  std::vector<float> out(kCount * m * n, NAN);
  if (!MultiplySmall(multiply, out.data(), left.data(), right.data(), m, n, k, kCount, left_transposed,
                     right_transposed)) {
    return true;
  }
  ++*taken;
  for (int64_t i = 0; i < kCount * m * n; i++) {
    const int64_t matrix = i / (m * n), row = i % m, column = i / m % n;
    double sum = 0, magnitude = 0;
    for (int64_t j = 0; j < k; j++) {
      const double term = static_cast<double>(left[matrix * m * k + (left_transposed ? row * k + j : j * m + row)]) *
                          right[matrix * k * n + (right_transposed ? j * n + column : column * k + j)];
      sum += term;
      magnitude += std::fabs(term);
    }
    if (!(std::fabs(out[i] - sum) <= k * magnitude / (1 << 24))) return false;
  }
  return true;
}

/** A NaN on either side reaches every product it is a part of, and no other. */
void CheckNaN(const char* name, Multiply multiply) {
  const int64_t m = 28, n = 5, k = 16;
  auto left = Random(m * k), right = Random(k * n);
  std::vector<float> out(m * n);
  for (int64_t at = 0; at < m * k + k * n; at++) {
    float& entry = at < m * k ? left[at] : right[at - m * k];
    const float before = std::exchange(entry, NAN);
    MultiplySmall(multiply, out.data(), left.data(), right.data(), m, n, k, 1, false, false);
    entry = before;
    for (int64_t i = 0; i < m * n; i++) {
      const bool reads = at < m * k ? i % m == at % m : i / m == (at - m * k) / k;
      if (std::isnan(out[i]) != reads) std::printf("wrong: %s NaN at %ld, entry %ld\n", name, at, i);
    }
  }
}

void Check(const char* name, Multiply multiply) {
  CheckNaN(name, multiply);
  int taken = 0, all = 0;
  for (int64_t m : {1, 2, 4, 8, 12, 16, 24, 32, 40, 56, 64, 104, 128, 136}) {
    for (int64_t n : {1, 3, 4, 8, 13, 32, 200}) {
      for (int64_t k : {1, 8, 13, 32, 128, 129}) {
        for (int transposed = 0; transposed < 4; transposed++) {
          all++;
          if (!IsRight(multiply, m, n, k, transposed & 1, transposed & 2, &taken)) {
            std::printf("wrong: %s m %ld n %ld k %ld transposed %d\n", name, m, n, k, transposed);
          }
        }
      }
    }
  }
  std::printf("%s %d of %d\n", name, taken, all);
}

/** Products of one matrix that MultiplyLarge takes, and that it takes those. */
void CheckLarge() {
  for (int64_t m : {16, 48, 512}) {
    for (int64_t n : {64, 65, 197, 400}) {
      for (int64_t k : {1, 128, 512, 513, 1100}) {
        const auto left = Random(m * k), right = Random(k * n);
        std::vector<float> out(m * n, NAN);
        bool right_so_far = MultiplyLarge(out.data(), left.data(), right.data(), m, n, k);
        for (int64_t i = 0; i < m * n; i += m * n > 10000 ? 7 : 1) {
          double sum = 0, magnitude = 0;
          for (int64_t j = 0; j < k; j++) {
            const double term = static_cast<double>(left[j * m + i % m]) * right[i / m * k + j];
            sum += term;
            magnitude += std::fabs(term);
          }
          right_so_far = right_so_far && std::fabs(out[i] - sum) <= (k + 1) * magnitude / (1 << 24);
        }
        if (!right_so_far) std::printf("wrong: large m %ld n %ld k %ld\n", m, n, k);
      }
    }
  }
  std::vector<float> some(64 * 64);
  const auto takes = [&](int64_t m, int64_t n, int64_t k) {
    return MultiplyLarge(some.data(), some.data(), some.data(), m, n, k);
  };
  if (takes(8, 64, 8) || takes(16, 63, 8) || takes(2048, 64, 512)) std::puts("wrong: large takes too much");
}

}  // namespace

int main() {
  setenv("TF_NUM_INTRAOP_THREADS", "1", 1);
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) Check("avx512", MultiplyAvx512);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) Check("avx2", MultiplyAvx2), CheckLarge();
}
