/** e^x in the lanes of a vector. */
#pragma once

#include <cstdint>
#include <type_traits>

#include "panels.h"

namespace {

template <typename V>
using Bits = std::conditional_t<kLanes<V> == 16, uint32_t __attribute__((vector_size(64))),
                                uint32_t __attribute__((vector_size(32)))>;

/** e^x for x <= 0, within two units in the last place; 0 where it would be below the smallest normal number; NaN of NaN. */
template <typename V>
INLINE V Exp(const V& x) {
  // 1.5 · 2^23 + 127: what is added to it is rounded to an integer, of which the lowest bits are the exponent of a float.
  const V rounder = V{} + 12583039.f;
  const V shifted = x * 1.44269504f + rounder;
  const V n = shifted - rounder;
  const V r = x - n * 0.693359375f - n * -2.12194440e-4f;  // ln 2 in two parts; both, and the polynomial: Cephes expf
  V p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const V power = p * r * r + r + 1.f;
  const V two_to_n = (V)((Bits<V>)shifted << 23);
  return x <= -87.f ? V{} : power * two_to_n;  // a product, since a NaN is one of any factor
}

}  // namespace
