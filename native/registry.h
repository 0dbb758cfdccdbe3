/** How XLA finds functions of ours by name. */
#pragma once

#include <string>

namespace xla {

/** As xla/service/custom_call_target_registry.h of libtensorflow declares it. */
class CustomCallTargetRegistry {
 public:
  static CustomCallTargetRegistry* Global();
  void Register(const std::string& name, void* function, const std::string& platform);
};

}  // namespace xla

/** Makes a function one that graphs call by its name. */
#define REGISTER(function)                                                                                  \
  [[maybe_unused]] static const bool k_##function##_is_registered = [] {                                    \
    xla::CustomCallTargetRegistry::Global()->Register(#function, reinterpret_cast<void*>(&function), "Host"); \
    return true;                                                                                            \
  }();
