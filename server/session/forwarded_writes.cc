#include "server/session/forwarded_writes.h"

namespace starling::server {

void ForwardedWrites::add(std::optional<uint16_t> partition) {
  if (last_ == nullptr) last_ = std::make_unique<std::array<uint16_t, kRemembered>>();
  (*last_)[count_++ % kRemembered] = partition.value_or(kSeveral);
}

bool ForwardedWrites::since(uint64_t count, uint16_t partition) const {
  if (count_ - count > kRemembered) return true;
  for (uint64_t number = count; number < count_; ++number) {
    const uint16_t written = (*last_)[number % kRemembered];
    if (written == partition || written == kSeveral) return true;
  }
  return false;
}

}  // namespace starling::server
