// Brings records from the store into memory.
//
// A record that is not in its table has not changed since it left it, so what the store says is the truth as
// long as nothing left the table meanwhile. Hence: note the partition's count of removals, read without a
// lock, take the stripe, and install only if the count is the same and the key still missing; else read
// again.
#pragma once

#include <string_view>

#include "engine/base/status.h"
#include "engine/core/core.h"

namespace starling::engine {

class Loader {
 public:
  explicit Loader(EngineCore& core) : core_(core) {}

  // Makes the key resident: its record, or a tombstone when the store has none. May block on the disk; any
  // thread, no stripe held. An error leaves the key as it was.
  Status load(int database, const Key& key);
  // The same under the key's stripe, without I/O. False: only load() can tell.
  bool load_cached(DatabaseTables& tables, const Key& key);

 private:
  struct Read;
  Status read(uint32_t space, const Key& key, Read* read);
  Status read_elements(uint32_t space, const Key& key, Read* read);
  Status read_covered(uint32_t space, const Key& key, Read* read);
  bool read_string(Read* read);
  void note_actors(Read* read);
  uint32_t initial_clock() const;
  void install(DatabaseTables& tables, const Key& key, Read read);

  EngineCore& core_;
};

}  // namespace starling::engine
