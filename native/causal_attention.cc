/**
 * Causal softmax attention for XLA.
 *
 * XLA's own code writes all scores to memory, goes over them four times, and adds and compares the entries of a row one
 * by one. This goes over the keys block by block and keeps a running maximum and sum for each query (Milakov and
 * Gimelshein 2018, arXiv 1805.02867, algorithm 3; Rabe and Staats 2021, arXiv 2112.05682), with the queries side by
 * side in the lanes of a vector, so that nothing is summed across lanes. Graphs call it by name, through the registry
 * that XLA has for such functions. The same in tensors: attendCausally in src/models/parts/attention.ts. Why:
 * docs/decisions/007-causal-attention.md; figures: docs/compiled.md.
 *
 * Matrices lie row after row, those of a stack one after the other.
 */
#if defined(__linux__) && defined(__x86_64__)

#include <algorithm>
#include <atomic>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "exponential.h"
#include "panels.h"
#include "registry.h"
#include "threads.h"

namespace {

/** Keys that are worked on at a time: their scores, keys and values together fit the first-level cache. */
constexpr int64_t kBlock = 64;
/** So far before a row that every query sees what lies between. */
constexpr int64_t kFromTheStart = -(int64_t{1} << 40);
/** Columns of a product that are summed at a time: half as many as there are registers. */
template <typename V>
constexpr int64_t kColumns = kLanes<V> == 16 ? 8 : 4;

struct KeysValues {
  const float* keys;    // [rows, depth]
  const float* values;  // [rows, width]
};

/**
 * The last query sees all of the `rows`, each before it one fewer; all of them see the first `used` of `far_rows`. With
 * a `window` each query sees only so many of its rows, its own the last, and none before row `from`.
 */
struct Call {
  int64_t stack, queries, depth, rows, width, far_rows, used;
  int64_t shared = 1;  // matrices of queries, one after the other, that read the same keys and values
  int64_t window = 0, from = 0;
  const float* q;  // [queries, depth]
  KeysValues near, far;
  float* out;  // [queries, width]
};

/** Queries side by side in the lanes of two vectors, and what they have seen so far. */
template <typename V>
struct Block {
  static constexpr int64_t kCount = 2 * kLanes<V>;
  V largest[2], sum[2];         // of the scores; of their exponentials, over that of the largest
  std::vector<float> turned;    // the queries [depth, kCount]
  std::vector<float> read;      // what the exponentials weigh the values to, [kCount, width]
  float scores[kBlock * kCount];  // [keys, kCount]
};

/** Puts `count` rows of x side by side, [depth, lanes]; lanes to spare repeat the last one. */
void Turn(float* to, int64_t lanes, const float* x, int64_t count, int64_t depth) {
  int64_t row = 0;
  for (; depth % 8 == 0 && row + 8 <= count; row += 8) {
    for (int64_t k = 0; k < depth; k += 8) Transpose8(x + row * depth + k, depth, to + k * lanes + row, lanes);
  }
  for (; row < lanes; row++) {
    for (int64_t k = 0; k < depth; k++) to[k * lanes + row] = x[std::min(row, count - 1) * depth + k];
  }
}

/** Hides from query i the scores of the keys before `begin` + i and of those from `seen` + i on. */
template <typename V>
INLINE void Hide(float* scores, int64_t count, int64_t begin, int64_t seen) {
  constexpr int64_t kCount = Block<V>::kCount;
  float lanes[kCount];
  for (int64_t i = 0; i < kCount; i++) lanes[i] = static_cast<float>(i);
  for (int64_t j = 0; j < count; j++) {
    if (begin + kCount - 1 <= j && j < seen) continue;
    const V first = V{} + static_cast<float>(j - seen + 1), last = V{} + static_cast<float>(j - begin);  // to see key j
    for (int r = 0; r < 2; r++) {
      float* score = scores + j * kCount + r * kLanes<V>;
      const V lane = Load<V>(lanes + r * kLanes<V>), after = lane < first ? V{} - INFINITY : Load<V>(score);
      Store(score, lane > last ? V{} - INFINITY : after);
    }
  }
}

/** Turns scores into exponentials; `kept` is what earlier ones count now that there may be a larger score. */
template <typename V>
INLINE void Weigh(Block<V>& block, int64_t count, float* kept) {
  const auto at = [&](int64_t j, int r) { return block.scores + j * Block<V>::kCount + r * kLanes<V>; };
  V largest[2] = {block.largest[0], block.largest[1]}, sum[2];
  for (int64_t j = 0; j < count; j++) {
    for (int r = 0; r < 2; r++) {
      const V score = Load<V>(at(j, r));
      largest[r] = score > largest[r] ? score : largest[r];
    }
  }
  for (int r = 0; r < 2; r++) {
    const V factor = Exp<V>(block.largest[r] - largest[r]);
    Store(kept + r * kLanes<V>, factor);
    sum[r] = block.sum[r] * factor;
  }
  for (int64_t j = 0; j < count; j++) {
    for (int r = 0; r < 2; r++) {
      const V weight = Exp<V>(Load<V>(at(j, r)) - largest[r]);
      Store(at(j, r), weight);
      sum[r] += weight;
    }
  }
  for (int r = 0; r < 2; r++) block.largest[r] = largest[r], block.sum[r] = sum[r];
}

/** Adds the values of `count` keys, weighed. A product of panels as wide as the values, with a column for each query. */
template <typename V>
INLINE void Read(Block<V>& block, const float* values, int64_t width, int64_t count, const float* kept) {
  constexpr int64_t kCount = Block<V>::kCount;
  int64_t from = 0;
  const auto panel = [&] {
    return Panel{block.read.data() + from, width, values + from, width, block.scores, kCount, 1, kCount, count, kept};
  };
  for (; from + 2 * kLanes<V> <= width; from += 2 * kLanes<V>) MultiplyPanel<V, 2, kColumns<V>>(panel());
  for (; from + kLanes<V> <= width; from += kLanes<V>) MultiplyPanel<V, 1, kColumns<V>>(panel());
  for (; from < width; from += kLanes<Lanes8>) MultiplyPanel<Lanes8, 1, kColumns<V>>(panel());
}

/** `count` keys and values, of which the first query sees [begin, seen), each after it one further on. */
template <typename V>
INLINE void See(Block<V>& block, const Call& call, KeysValues at, int64_t count, int64_t begin, int64_t seen) {
  constexpr int64_t kCount = Block<V>::kCount;
  MultiplyPanel<V, 2, kColumns<V>>({block.scores, kCount, block.turned.data(), kCount, at.keys, 1, call.depth, count,
                                 call.depth, nullptr});
  if (seen < count || begin + kCount > 1) Hide<V>(block.scores, count, begin, seen);
  float kept[kCount];
  Weigh<V>(block, count, kept);
  Read<V>(block, at.values, call.width, count, kept);
}

/** Queries [first, first + kCount) of a matrix. */
template <typename V>
INLINE void AttendBlock(Block<V>& block, const Call& call, int64_t matrix, int64_t first) {
  constexpr int64_t kCount = Block<V>::kCount;
  const auto rows_of = [&](const KeysValues& all, int64_t rows, int64_t row) {
    const int64_t at = matrix / call.shared * rows + row;
    return KeysValues{all.keys + at * call.depth, all.values + at * call.width};
  };
  const int64_t query = matrix * call.queries + first, count = std::min(kCount, call.queries - first);
  Turn(block.turned.data(), kCount, call.q + query * call.depth, count, call.depth);
  std::fill(block.read.begin(), block.read.end(), 0.f);
  for (int r = 0; r < 2; r++) block.largest[r] = V{} - FLT_MAX, block.sum[r] = V{};
  for (int64_t j = 0; j < call.used; j += kBlock) {
    See<V>(block, call, rows_of(call.far, call.far_rows, j), std::min(kBlock, call.used - j), kFromTheStart, kBlock);
  }
  const int64_t seen = call.rows - call.queries + first + 1;
  const int64_t rows = seen + count - 1;
  const int64_t begin = call.window == 0 ? kFromTheStart : seen - call.window;
  for (int64_t j = std::max({begin, call.from, int64_t{0}}); j < rows; j += kBlock) {
    See<V>(block, call, rows_of(call.near, call.rows, j), std::min(kBlock, rows - j), begin - j, seen - j);
  }
  for (int64_t i = 0; i < count; i++) {
    const float share = 1 / block.sum[i / kLanes<V>][i % kLanes<V>];
    float* out = call.out + (query + i) * call.width;
    for (int64_t e = 0; e < call.width; e++) out[e] = block.read[i * call.width + e] * share;
  }
}

/** Takes blocks of queries until none is left. */
template <typename V>
INLINE void AttendBlocks(const Call& call, std::atomic<int64_t>& taken) {
  constexpr int64_t kCount = Block<V>::kCount;
  Block<V> block;
  block.turned.resize(call.depth * kCount);
  block.read.resize(kCount * call.width);
  const int64_t blocks = (call.queries + kCount - 1) / kCount;
  for (int64_t i; (i = taken++) < call.stack * blocks;) AttendBlock<V>(block, call, i / blocks, i % blocks * kCount);
}

using Attend = void (*)(const Call&, std::atomic<int64_t>&);
FOR_AVX512 void AttendAvx512(const Call& call, std::atomic<int64_t>& taken) { AttendBlocks<Lanes16>(call, taken); }
FOR_AVX2 void AttendAvx2(const Call& call, std::atomic<int64_t>& taken) { AttendBlocks<Lanes8>(call, taken); }
FOR_AVX void AttendAvx(const Call& call, std::atomic<int64_t>& taken) { AttendBlocks<Lanes8>(call, taken); }

/** Multiplications and additions. */
double WorkOf(const Call& call) {
  const double seen = call.window == 0 ? call.used + call.rows - call.queries / 2. : call.window;
  return static_cast<double>(call.stack) * call.queries * seen * (call.depth + call.width);
}

void AttendWith(Attend attend, const Call& call) {
  InThreads(ThreadsFor(WorkOf(call)), [&](std::atomic<int64_t>& taken) { attend(call, taken); });
}

}  // namespace

/**
 * softmax(q·k) v of a stack of matrices. `values` [.., width] have a multiple of 8 columns.
 * @param out [stack, queries, width]
 * @param in q [stack, queries, depth], keys and values [stack / shared, rows, ..] and, if there are far rows, keys and
 *   values [stack / shared, far_rows, ..] and how many of those count, a float; or, if there is a window, `from`, a float
 * @param sizes decimal: stack, queries, depth, rows, width, far_rows, shared, window; 0 for no far rows or window
 */
extern "C" void attnscale_causal_attention(void* out, const void** in, const char* sizes, size_t length, void*) {
  Call call{};
  std::istringstream(std::string(sizes, length)) >> call.stack >> call.queries >> call.depth >> call.rows >>
      call.width >> call.far_rows >> call.shared >> call.window;
  const auto input = [&](int i) { return static_cast<const float*>(in[i]); };
  call.q = input(0);
  call.near = {input(1), input(2)};
  if (call.far_rows > 0) {
    call.far = {input(3), input(4)};
    call.used = static_cast<int64_t>(*input(5));
  }
  if (call.window > 0) call.from = static_cast<int64_t>(*input(3));
  call.out = static_cast<float*>(out);
  static const Attend attend = ForThisProcessor<Attend>(AttendAvx512, AttendAvx2, AttendAvx);
  AttendWith(attend, call);
}

REGISTER(attnscale_causal_attention)

#endif
