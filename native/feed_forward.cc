/**
 * The feed-forward block of a transformer's layer for XLA: x + W_out gelu(W_in LN(x) + b_in) + b_out.
 *
 * XLA writes each of its results for all tokens to memory, of which the hidden one is the largest of a prefill: 2 MB for
 * 1,024 tokens of 512. This takes some tokens and some hidden entries at a time, so that everything but the weights stays
 * in the second-level cache from the norm to the sum. The same in tensors: feedForward in src/models/parts/feed_forward.ts.
 * Figures: docs/compiled.md.
 *
 * Matrices lie row after row: x [tokens, d], W_in [d, f], W_out [f, d].
 */
#if defined(__linux__) && defined(__x86_64__)

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "packed.h"
#include "registry.h"
#include "threads.h"

namespace {

/** Tokens that are worked on at a time: a multiple of the columns of every product. */
constexpr int64_t kTokens = 96;
/** Hidden entries that are worked on at a time: they and both maps to and from them fit the second-level cache. */
constexpr int64_t kHidden = 128;
constexpr float kEpsilon = 1e-5f;

struct Call {
  int64_t tokens, d, f;
  const float *x, *gain, *bias, *in, *in_bias, *out, *out_bias;
  float* y;
};

/** Both maps, W_out by kHidden rows. */
struct Packed {
  std::vector<float> in, out;
};

/** What a thread works in. */
struct Room {
  std::vector<float> normed, hidden, ones;  // [kTokens, d], [kTokens, kHidden], [kTokens]
};

template <typename V>
INLINE void PackMaps(Packed& packed, const Call& call) {
  const auto [d, f] = std::pair(call.d, call.f);
  packed.in.resize(d * f), packed.out.resize(f * d);
  Pack<V>(packed.in.data(), call.in, f, f, d);
  for (int64_t first = 0; first < f; first += kHidden) {
    Pack<V>(packed.out.data() + first * d, call.out + first * d, d, d, std::min(kHidden, f - first));
  }
}

/** Layer norm of a row. */
template <typename V>
INLINE void Normalize(float* to, const float* x, const Call& call) {
  const int64_t d = call.d;
  V sum{}, squares{};
  for (int64_t i = 0; i < d; i += kLanes<V>) sum += Load<V>(x + i);
  const float mean = SumOf<V>(sum) / d;
  for (int64_t i = 0; i < d; i += kLanes<V>) {
    const V centred = Load<V>(x + i) - mean;
    squares += centred * centred;
  }
  const float scale = 1 / std::sqrt(SumOf<V>(squares) / d + kEpsilon);
  for (int64_t i = 0; i < d; i += kLanes<V>) {
    Store(to + i, (Load<V>(x + i) - mean) * scale * Load<V>(call.gain + i) + Load<V>(call.bias + i));
  }
}

/** x Φ(x). erf as a quotient of polynomials, Eigen's, within 4e-7; NaN of NaN. */
template <typename V>
INLINE V Gelu(const V& x) {
  V z = x * 0.70710678f;
  z = z > 4.f ? V{} + 4.f : z < -4.f ? V{} - 4.f : z;
  const V s = z * z;
  V p = s * -2.72614225801306e-10f + 2.77068142495902e-08f;
  p = p * s + -2.10102402082508e-06f;
  p = p * s + -5.69250639462346e-05f;
  p = p * s + -7.34990630326855e-04f;
  p = p * s + -2.95459980854025e-03f;
  p = p * s + -1.60960333262415e-02f;
  V q = s * -1.45660718464996e-05f + -2.13374055278905e-04f;
  q = q * s + -1.68282697438203e-03f;
  q = q * s + -7.37332916720468e-03f;
  q = q * s + -1.42647390514189e-02f;
  return x * 0.5f * (z * p / q + 1.f);
}

/** Hidden entries [first, first + count) of `tokens` tokens. */
template <typename V>
INLINE void Widen(Room& room, const Packed& packed, const Call& call, int64_t tokens, int64_t first, int64_t count) {
  for (int64_t e = 0; e < count; e += kPanel<V>) {
    float* hidden = room.hidden.data() + e;
    MultiplyPacked<V>({hidden, kHidden, nullptr, 0, room.normed.data(), 1, call.d, tokens, call.d, nullptr},
                      packed.in.data() + (first + e) * call.d, kPanel<V>);
    for (int r = 0; r < 2; r++, hidden += kLanes<V>) {
      const V bias = Load<V>(call.in_bias + first + e + r * kLanes<V>);
      for (int64_t t = 0; t < tokens; t++) Store(hidden + t * kHidden, Gelu<V>(Load<V>(hidden + t * kHidden) + bias));
    }
  }
}

/** Adds what those hidden entries are mapped to. */
template <typename V>
INLINE void Narrow(float* y, const Room& room, const Packed& packed, const Call& call, int64_t tokens, int64_t first,
                   int64_t count) {
  MultiplyPacked<V>({y, call.d, nullptr, 0, room.hidden.data(), 1, kHidden, tokens, count, room.ones.data()},
                    packed.out.data() + first * call.d, call.d);
}

template <typename V>
INLINE void FeedBlock(Room& room, const Packed& packed, const Call& call, int64_t begin) {
  const auto [d, tokens] = std::pair(call.d, std::min(kTokens, call.tokens - begin));
  const float* x = call.x + begin * d;
  float* y = call.y + begin * d;
  for (int64_t t = 0; t < tokens; t++) {
    Normalize<V>(room.normed.data() + t * d, x + t * d, call);
    for (int64_t i = 0; i < d; i += kLanes<V>) Store(y + t * d + i, Load<V>(x + t * d + i) + Load<V>(call.out_bias + i));
  }
  for (int64_t first = 0; first < call.f; first += kHidden) {
    const int64_t count = std::min(kHidden, call.f - first);
    Widen<V>(room, packed, call, tokens, first, count);
    Narrow<V>(y, room, packed, call, tokens, first, count);
  }
}

/** Takes blocks of tokens until none is left. */
template <typename V>
INLINE void FeedBlocks(const Call& call, const Packed& packed, std::atomic<int64_t>& taken) {
  thread_local Room room{{}, std::vector<float>(kTokens * kHidden), std::vector<float>(kTokens, 1.f)};
  room.normed.resize(kTokens * call.d);
  for (int64_t i; (i = taken++ * kTokens) < call.tokens;) FeedBlock<V>(room, packed, call, i);
}

struct Processor {
  void (*pack)(Packed&, const Call&);
  void (*feed)(const Call&, const Packed&, std::atomic<int64_t>&);
};
FOR_AVX512 void PackAvx512(Packed& packed, const Call& call) { PackMaps<Lanes16>(packed, call); }
FOR_AVX512 void FeedAvx512(const Call& c, const Packed& p, std::atomic<int64_t>& taken) { FeedBlocks<Lanes16>(c, p, taken); }
FOR_AVX2 void PackAvx2(Packed& packed, const Call& call) { PackMaps<Lanes8>(packed, call); }
FOR_AVX2 void FeedAvx2(const Call& c, const Packed& p, std::atomic<int64_t>& taken) { FeedBlocks<Lanes8>(c, p, taken); }
FOR_AVX void PackAvx(Packed& packed, const Call& call) { PackMaps<Lanes8>(packed, call); }
FOR_AVX void FeedAvx(const Call& c, const Packed& p, std::atomic<int64_t>& taken) { FeedBlocks<Lanes8>(c, p, taken); }

}  // namespace

/**
 * @param out [tokens, d]
 * @param in x [tokens, d]; gain and bias of the norm [d]; W_in [d, f], b_in [f], W_out [f, d], b_out [d]
 * @param sizes decimal: tokens, d, f; d and f multiples of 32
 */
extern "C" void attnscale_feed_forward(void* out, const void** in, const char* sizes, size_t length, void*) {
  Call call{};
  std::istringstream(std::string(sizes, length)) >> call.tokens >> call.d >> call.f;
  const auto input = [&](int i) { return static_cast<const float*>(in[i]); };
  call.x = input(0), call.gain = input(1), call.bias = input(2);
  call.in = input(3), call.in_bias = input(4), call.out = input(5), call.out_bias = input(6);
  call.y = static_cast<float*>(out);
  static const auto processor =
      ForThisProcessor<Processor>({PackAvx512, FeedAvx512}, {PackAvx2, FeedAvx2}, {PackAvx, FeedAvx});
  thread_local Packed packed;  // kept: memory that is new costs as much as a fourth of 256 tokens
  processor.pack(packed, call);
  const double work = 2. * call.tokens * call.d * call.f;
  InThreads(ThreadsFor(work), [&](std::atomic<int64_t>& taken) { processor.feed(call, packed, taken); });
}

REGISTER(attnscale_feed_forward)

#endif
