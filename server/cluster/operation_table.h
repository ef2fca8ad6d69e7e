// Which forwarded operations this node has begun, and what it answered: so that one whose link broke can be
// asked for again and is still run at most once.
//
// An operation is named by the life of the loop that asks (drawn by chance when it begins) and a number that
// rises within it. The asker says up to which number it has all its answers, or has given up: those are
// forgotten, and never run from then on. A frame that still comes of them lay in a connection that broke.
// Beyond that, answers are kept for a time and up to a number of bytes; after that it is known at least that
// something was forgotten, and whoever asks again learns that its outcome is uncertain.
//
//                begin                                        finish
//   (unknown) ─────────> running: who asks again waits ─────────────> done: who asks again is answered
//
// Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"

namespace starling::server {

struct OperationId {
  uint64_t life = 0;
  uint64_t number = 0;
};

class OperationTable {
 public:
  struct Limits {
    size_t bytes = 32 << 20;
    int64_t keep_ms = 60'000;
  };
  enum class Answer : uint8_t {
    kNew,        // Run it, and finish() or forget() it.
    kRepeated,   // It was begun before: `again` gets its reply, perhaps before begin() returns.
    kUncertain,  // It may have been run; what came of it is not known any more.
  };
  // Gets the reply; empty: it is not known what came of it. On the thread that finishes.
  using Again = std::function<void(std::string_view reply)>;

  OperationTable() : limits_() {}
  explicit OperationTable(Limits limits) : limits_(limits) {}

  // `again` is not looked at unless `repeated`, which says that it was sent before.
  Answer begin(const OperationId& id, uint64_t settled, bool repeated, int64_t now_ms, const Again& again);
  void finish(const OperationId& id, std::string_view reply, int64_t now_ms);
  // It ended without a reply: whether it ran is not known.
  void forget(const OperationId& id);

  // For reports and tests.
  size_t size() const;
  size_t bytes() const;

 private:
  struct Entry {
    bool done = false;
    int64_t at_ms = 0;
    std::string reply;
    std::vector<Again> waiting;
  };
  struct Life {
    absl::btree_map<uint64_t, Entry> entries;
    uint64_t forgotten_below = 0;
    uint64_t settled = 0;
    int64_t last_ms = 0;
  };
  void erase(Life& life, absl::btree_map<uint64_t, Entry>::iterator entry);
  void make_room(int64_t now_ms);

  const Limits limits_;
  mutable std::mutex mutex_;
  absl::flat_hash_map<uint64_t, Life> lives_;
  size_t size_ = 0;
  size_t bytes_ = 0;
  int64_t swept_ms_ = 0;
};

}  // namespace starling::server
