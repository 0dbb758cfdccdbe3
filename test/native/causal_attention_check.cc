// Every code of native/causal_attention.cc that this processor runs, on a table of shapes, against sums in double.
// Prints what is wrong.
#include "../../native/causal_attention.cc"

#include <utility>

xla::CustomCallTargetRegistry* xla::CustomCallTargetRegistry::Global() {
  static CustomCallTargetRegistry registry;
  return &registry;
}
void xla::CustomCallTargetRegistry::Register(const std::string&, void*, const std::string&) {}

namespace {

constexpr double kRounding = 1. / (1 << 24);

float Next() {
  static uint32_t state = 1;
  state = state * 1664525 + 1013904223;
  return static_cast<float>(state >> 8) / (1 << 23) - 1;
}

std::vector<float> Random(int64_t size, float most) {
  std::vector<float> values(size);
  for (float& value : values) value = most * Next();
  return values;
}

/** The keys and values one query sees: their exact scores, and of each the most that its roundings can be. */
struct Seen {
  std::vector<double> scores;
  std::vector<const float*> values;
  double largest = -INFINITY, error = 0;

  void Add(const float* q, const float* k, const float* v, int64_t depth) {
    double score = 0, magnitude = 0;
    for (int64_t i = 0; i < depth; i++) {
      score += static_cast<double>(q[i]) * k[i];
      magnitude += std::fabs(static_cast<double>(q[i]) * k[i]);
    }
    scores.push_back(score);
    values.push_back(v);
    largest = std::max(largest, score);
    error = std::max(error, (depth + 1) * magnitude * kRounding);
  }
};

/** Whether query `i` of a matrix read what it should; values are below 1. */
bool IsRight(const Call& call, int64_t matrix, int64_t i) {
  Seen seen;
  const float* q = call.q + (matrix * call.queries + i) * call.depth;
  const auto add = [&](const KeysValues& all, int64_t rows, int64_t begin, int64_t end) {
    const int64_t at = matrix / call.shared * rows;
    for (int64_t j = at + begin; j < at + end; j++) {
      seen.Add(q, all.keys + j * call.depth, all.values + j * call.width, call.depth);
    }
  };
  const int64_t end = call.rows - call.queries + i + 1;
  add(call.far, call.far_rows, 0, call.used);
  add(call.near, call.rows, call.window == 0 ? 0 : std::max({end - call.window, call.from, int64_t{0}}), end);
  // Of a weight: its score's error twice (its own, the largest's), a few roundings of e^x; one more for each sum.
  const double bound = 2 * seen.error + (2 * seen.scores.size() + 16 + std::fabs(seen.largest)) * kRounding;
  double sum = 0;
  for (double& score : seen.scores) sum += score = std::exp(score - seen.largest);
  for (int64_t e = 0; e < call.width; e++) {
    double value = 0;
    for (size_t j = 0; j < seen.scores.size(); j++) value += seen.scores[j] / sum * seen.values[j][e];
    if (!(std::fabs(value - call.out[(matrix * call.queries + i) * call.width + e]) <= bound)) return false;
  }
  return true;
}

void Check(const char* name, Attend attend, const Call& shape, float most) {
  Call call = shape;
  const auto q = Random(call.stack * call.queries * call.depth, most);
  const int64_t stack = call.stack / call.shared;
  auto keys = Random(stack * call.rows * call.depth, 1), far_keys = Random(stack * call.far_rows * call.depth, 1);
  const auto values = Random(stack * call.rows * call.width, 1);
  const auto far_values = Random(stack * call.far_rows * call.width, 1);
  std::vector<float> out(call.stack * call.queries * call.width, NAN);
  // Far rows that do not count must not be read.
  for (int64_t i = 0; i < stack; i++) {
    const auto matrix = far_keys.begin() + i * call.far_rows * call.depth;
    std::fill(matrix + call.used * call.depth, matrix + call.far_rows * call.depth, NAN);
  }
  call.q = q.data();
  call.near = {keys.data(), values.data()};
  call.far = {far_keys.data(), far_values.data()};
  call.out = out.data();
  AttendWith(attend, call);
  for (int64_t i = 0; i < call.stack * call.queries; i++) {
    if (IsRight(call, i / call.queries, i % call.queries)) continue;
    std::printf("wrong: %s stack %ld / %ld queries %ld depth %ld rows %ld width %ld far %ld used %ld window %ld from %ld, "
                "query %ld\n", name, call.stack, call.shared, call.queries, call.depth, call.rows, call.width,
                call.far_rows, call.used, call.window, call.from, i);
    return;
  }
}

/** A NaN in a query, a key or a value reaches each query that reads it, and one in a key or a query no other. */
void CheckNaN(const char* name, Attend attend) {
  Call call{1, 33, 8, 70, 16, 80, 66};
  std::vector<float> inputs[] = {Random(call.queries * call.depth, 1), Random(call.rows * call.depth, 1),
                                 Random(call.rows * call.width, 1), Random(call.far_rows * call.depth, 1),
                                 Random(call.far_rows * call.width, 1)};
  auto& [q, keys, values, far_keys, far_values] = inputs;
  std::vector<float> out(call.queries * call.width);
  call.q = q.data();
  call.near = {keys.data(), values.data()};
  call.far = {far_keys.data(), far_values.data()};
  call.out = out.data();
  for (std::vector<float>& input : inputs) {
    const bool is_value = &input == &values || &input == &far_values, is_far = &input == &far_keys || &input == &far_values;
    const int64_t columns = is_value ? call.width : call.depth, rows = is_far ? call.used : input.size() / columns;
    for (int64_t row = 0; row < rows; row++) {
      const float before = std::exchange(input[row * columns], NAN);
      AttendWith(attend, call);
      input[row * columns] = before;
      for (int64_t i = 0; i < call.queries; i++) {
        const bool reads = &input == &q ? i == row : is_far || row <= call.rows - call.queries + i;
        if (std::isnan(out[i * call.width]) == reads || (is_value && !reads)) continue;
        std::printf("wrong: %s NaN in row %ld of input %ld, query %ld\n", name, row, &input - inputs, i);
        return;
      }
    }
  }
}

using Exponential = void (*)(const float* x, float* y);
FOR_AVX512 void ExpAvx512(const float* x, float* y) { Store(y, Exp<Lanes16>(Load<Lanes16>(x))); }
FOR_AVX2 void ExpAvx2(const float* x, float* y) { Store(y, Exp<Lanes8>(Load<Lanes8>(x))); }
FOR_AVX void ExpAvx(const float* x, float* y) { Store(y, Exp<Lanes8>(Load<Lanes8>(x))); }

/** Within two units in the last place where e^x is normal, 0 below, NaN of any NaN. */
void CheckExp(const char* name, Exponential exponential) {
  for (uint32_t bits : {0x7fc00000u, 0xffc00000u, 0x7fc00001u, 0x7fffffffu, 0xffc001ffu}) {
    float x[16], y[16];
    for (float& each : x) std::memcpy(&each, &bits, sizeof bits);
    exponential(x, y);
    if (!std::isnan(y[0])) std::printf("wrong: %s e^NaN is %g for %x\n", name, y[0], bits);
  }
  for (double from = 0; from > -100; from -= 1. / 1024) {
    float x[16], y[16];
    std::fill(x, x + 16, static_cast<float>(from));
    exponential(x, y);
    const double exact = x[0] > -87 ? std::exp(static_cast<double>(x[0])) : 0;
    if (std::fabs(y[0] - exact) <= 4 * kRounding * exact) continue;
    std::printf("wrong: %s e^%.9g is %.9g\n", name, x[0], y[0]);
    return;
  }
}

void CheckAll(const char* name, Attend attend, Exponential exponential) {
  CheckExp(name, exponential);
  CheckNaN(name, attend);
  for (const auto& [queries, rows] : {std::pair{1, 1}, {2, 2}, {7, 9}, {16, 16}, {31, 200}, {32, 32}, {33, 65}, {100, 228}}) {
    for (int64_t depth : {1, 8, 13, 32}) {
      for (int64_t width : {8, 16, 24, 40, 64}) {
        for (const auto& [far, used] : {std::pair{0, 0}, {1, 0}, {64, 64}, {130, 129}}) {
          Check(name, attend, {3, queries, depth, rows, width, far, used}, 2);
        }
      }
    }
  }
  for (const auto& [queries, rows] : {std::pair{1, 1}, {7, 9}, {33, 65}, {150, 278}}) {
    for (int64_t window : {1, 31, 64, 500}) {
      for (int64_t from : {-3, 0, rows - queries}) {
        for (int64_t shared : {1, 3}) Check(name, attend, {6, queries, 8, rows, 16, 0, 0, shared, window, from}, 2);
      }
    }
  }
  Check(name, attend, {6, 100, 8, 130, 16, 70, 66, 2}, 2);  // keys that two matrices of queries share
  Check(name, attend, {2, 64, 32, 64, 32}, 60);         // weights down to 0
  Check(name, attend, {2, 1500, 32, 2000, 32, 70, 9}, 2);  // by several threads
  Check(name, attend, {4, 4000, 32, 4100, 32, 0, 0, 2, 400, 30}, 2);
}

}  // namespace

int main() {
  setenv("TF_NUM_INTRAOP_THREADS", "3", 1);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) CheckAll("avx512", AttendAvx512, ExpAvx512);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) CheckAll("avx2", AttendAvx2, ExpAvx2);
  CheckAll("avx", AttendAvx, ExpAvx);
  std::printf("checked\n");
}
