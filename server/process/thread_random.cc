#include "server/process/thread_random.h"

#include <random>

#include "engine/base/seeded_random.h"

namespace starling::server {
namespace {

uint64_t system_seed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

}  // namespace

engine::Random& thread_random() {
  thread_local engine::SeededRandom random(system_seed());
  return random;
}

}  // namespace starling::server
