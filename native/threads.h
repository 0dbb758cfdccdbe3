/** Threads of a call: as many as TensorFlow computes an operation with, if there is work for them. */
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

/** Multiplications and additions that take far longer than starting a thread. */
constexpr double kWorthAThread = 1e8;

inline int64_t ThreadsFor(double work) {
  const char* asked = std::getenv("TF_NUM_INTRAOP_THREADS");
  return std::max<int64_t>(1, std::min<double>(asked == nullptr ? 1 : std::atol(asked), work / kWorthAThread));
}

/** `work` in so many threads, which share what says how much of it is taken. */
template <typename Work>
void InThreads(int64_t count, const Work& work) {
  std::atomic<int64_t> taken{0};
  std::vector<std::thread> others;
  for (int64_t i = count - 1; i > 0; i--) others.emplace_back([&] { work(taken); });
  work(taken);
  for (std::thread& other : others) other.join();
}

}  // namespace
