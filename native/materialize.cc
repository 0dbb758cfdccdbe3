/**
 * A tensor that XLA writes to memory before anything reads it.
 *
 * XLA joins chains of operations into one loop over the last one's shape. Where that has another shape than what is
 * computed, as heads side by side have, its loops count in divisions, which no compiler turns into vectors: with the
 * result behind a call that it cannot see into, both loops are plain ones. Figures: docs/compiled.md.
 */
#if defined(__linux__) && defined(__x86_64__)

#include <cstdlib>
#include <cstring>
#include <string>

#include "registry.h"

/** Copies the input to `out`. @param sizes decimal: how many floats */
extern "C" void attnscale_materialize(void* out, const void** in, const char* sizes, size_t length, void*) {
  std::memcpy(out, in[0], std::stoll(std::string(sizes, length)) * sizeof(float));
}

REGISTER(attnscale_materialize)

#endif
