#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "server/process/allocator.h"

namespace starling::server {

// Nothing where the tests are not linked with an allocator that can: then only that is tested.
TEST_CASE("the heap moves allocations out of pages that are hardly used") {
  engine::Heap* heap = packing_heap();
  if (heap == nullptr) return;
  constexpr size_t kBytes = 96;
  std::vector<char*> kept;
  std::vector<void*> freed;
  for (int i = 0; i < 100'000; ++i) {
    auto* allocation = static_cast<char*>(std::malloc(kBytes));
    std::memset(allocation, i % 100, kBytes);
    if (i % 8 == 0) {
      kept.push_back(allocation);
    } else {
      freed.push_back(allocation);
    }
  }
  for (void* allocation : freed) std::free(allocation);
  const uint64_t before = heap->hole_bytes();
  for (int round = 0; round < 3; ++round) {
    for (char*& allocation : kept) {
      if (void* moved = heap->move(allocation, kBytes)) allocation = static_cast<char*>(moved);
    }
  }
  CHECK(heap->hole_bytes() < before / 2);
  for (size_t i = 0; i < kept.size(); ++i) {
    CHECK(kept[i][0] == static_cast<char>(i * 8 % 100));
    CHECK(kept[i][kBytes - 1] == static_cast<char>(i * 8 % 100));
    std::free(kept[i]);
  }
}

}  // namespace starling::server
