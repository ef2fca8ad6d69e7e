// How an operation fills its ChangeList: keys are noted as they change, and their bytes made at the end.
#pragma once

#include <string_view>

#include "engine/base/change_list.h"
#include "engine/core/core.h"

namespace starling::engine {

class ChangeCapture {
 public:
  explicit ChangeCapture(ChangeList& list) : list_(list) {}

  // The key is about to change as a whole: its state will be shipped.
  void whole(int database, const Key& key, ChangeKind kind = ChangeKind::kState);
  // Elements or the deadline of the collection in this entry are about to change. Returns what element()
  // takes.
  uint32_t part(int database, const Key& key, const Entry& entry, const ActorTable& actors);
  void element(uint32_t change, ElementKind kind, std::string_view name);
  // Makes the bytes of all changes that have none yet. The stripes of the keys are held.
  void seal(const EngineCore& core, int64_t now_ms);

 private:
  uint32_t note(int database, const Key& key, ChangeKind kind, bool* added);
  std::string_view text(size_t offset, size_t bytes) const {
    return std::string_view(list_.buffer_).substr(offset, bytes);
  }
  bool same_key(const ChangeList::Change& a, const ChangeList::Change& b) const;
  void join_repeated();
  void seal(const EngineCore& core, int64_t now_ms, uint32_t index);
  bool append_delta(const EngineCore& core, const Entry& entry, uint32_t index);

  ChangeList& list_;
};

}  // namespace starling::engine
