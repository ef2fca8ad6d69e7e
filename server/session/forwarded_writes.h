// Which partitions a client's forwarded writes have gone to: what was read ahead of its turn holds unless the client
// has changed that very partition since. Of more than the last few it is taken that they have.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

namespace starling::server {

class ForwardedWrites {
 public:
  // So far.
  uint64_t count() const { return count_; }
  // None: of several partitions.
  void add(std::optional<uint16_t> partition);
  // One to this partition, maybe, behind the first `count` of them.
  bool since(uint64_t count, uint16_t partition) const;

 private:
  static constexpr size_t kRemembered = 128;
  static constexpr uint16_t kSeveral = 0xffff;  // No partition's number.

  uint64_t count_ = 0;
  std::unique_ptr<std::array<uint16_t, kRemembered>> last_;  // By number; most clients have none.
};

}  // namespace starling::server
