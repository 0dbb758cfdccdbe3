// Every code of native/feed_forward.cc that this processor runs, with one thread and three, against sums in double.
#include "../../native/feed_forward.cc"

#include <cstdio>
#include <cstdlib>

xla::CustomCallTargetRegistry* xla::CustomCallTargetRegistry::Global() {
  static CustomCallTargetRegistry registry;
  return &registry;
}
void xla::CustomCallTargetRegistry::Register(const std::string&, void*, const std::string&) {}

namespace {

std::vector<float> Random(int64_t size, float range) {
  static uint32_t state = 1;
  std::vector<float> values(size);
  for (float& value : values) {
    state = state * 1664525 + 1013904223;
    value = range * (static_cast<float>(state >> 8) / (1 << 23) - 1);
  }
  return values;
}

/** y of one token, in double. */
std::vector<double> Exact(const Call& call, int64_t token) {
  const float* x = call.x + token * call.d;
  double mean = 0, variance = 0;
  for (int64_t i = 0; i < call.d; i++) mean += x[i] / static_cast<double>(call.d);
  for (int64_t i = 0; i < call.d; i++) variance += (x[i] - mean) * (x[i] - mean) / call.d;
  std::vector<double> y(call.d);
  for (int64_t i = 0; i < call.d; i++) y[i] = static_cast<double>(x[i]) + call.out_bias[i];
  for (int64_t e = 0; e < call.f; e++) {
    double hidden = call.in_bias[e];
    for (int64_t i = 0; i < call.d; i++) {
      hidden += ((x[i] - mean) / std::sqrt(variance + 1e-5) * call.gain[i] + call.bias[i]) * call.in[i * call.f + e];
    }
    const double gelu = hidden * 0.5 * (1 + std::erf(hidden / std::sqrt(2.)));
    for (int64_t i = 0; i < call.d; i++) y[i] += gelu * call.out[e * call.d + i];
  }
  return y;
}

void Check(const char* name, Processor processor, int64_t tokens, int64_t d, int64_t f, int64_t threads) {
  const auto x = Random(tokens * d, 3), gain = Random(d, 1), bias = Random(d, 1), in_bias = Random(f, 1),
             out_bias = Random(d, 1);
  const auto in = Random(d * f, 2 / std::sqrt(d)), out = Random(f * d, 2 / std::sqrt(f));
  std::vector<float> y(tokens * d, NAN);
  const Call call{tokens,    d,          f,          x.data(),        gain.data(), bias.data(), in.data(),
                  in_bias.data(), out.data(), out_bias.data(), y.data()};
  Packed packed;
  processor.pack(packed, call);
  InThreads(threads, [&](std::atomic<int64_t>& taken) { processor.feed(call, packed, taken); });
  for (int64_t token = 0; token < tokens; token++) {
    const auto exact = Exact(call, token);
    for (int64_t i = 0; i < d; i++) {
      if (!(std::fabs(y[token * d + i] - exact[i]) <= 1e-5)) {
        std::printf("wrong: %s tokens %ld d %ld f %ld at %ld %ld\n", name, tokens, d, f, token, i);
        return;
      }
    }
  }
}

void CheckAll(const char* name, Processor processor) {
  for (int64_t tokens : {1, 5, 32, 95, 96, 97, 200}) {
    for (int64_t threads : {1, 3}) {
      Check(name, processor, tokens, 32, 32, threads);
      Check(name, processor, tokens, 64, 160, threads);
      Check(name, processor, tokens, 96, 128, threads);
    }
  }
}

}  // namespace

int main() {
  __builtin_cpu_init();
  CheckAll("avx", {PackAvx, FeedAvx});
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) CheckAll("avx2", {PackAvx2, FeedAvx2});
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) {
    CheckAll("avx512", {PackAvx512, FeedAvx512});
  }
  std::puts("checked");
}
