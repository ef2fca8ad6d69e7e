// New stamps for what was stamped by a clock that was far ahead. See README.md, "One number for time and event".
#include <algorithm>
#include <utility>
#include <vector>

#include "engine/base/assert.h"
#include "engine/core/change_capture.h"
#include "engine/core/core.h"
#include "engine/memory/record_form.h"
#include "engine/memory/settled.h"
#include "engine/record/record_codec.h"
#include "engine/replica/replication.h"

namespace starling::engine {

// Those of one element that stand side by side need a stamp each; elements share them, as those that one
// event changes do.
bool Replica::restamp(const Key& key, Stamp latest) {
  const Entry* entry = entry_of(key);
  const EngineCore& core = operation_.core_;
  if (entry == nullptr) return false;
  const Record record = record_of(core.keyspace.actors, entry);
  std::vector<Dot> fresh;
  Elements elements = record.elements();
  for (auto& [id, siblings] : elements) {
    size_t used = 0;
    for (Sibling& sibling : siblings) {
      if (sibling.dot.stamp <= latest) continue;
      if (used == fresh.size()) fresh.push_back({operation_.next_stamp(), core.actor});
      sibling.dot = fresh[used++];
    }
    std::sort(siblings.begin(), siblings.end());
  }
  if (fresh.empty()) return false;
  VersionVector context = record.context();
  for (const Dot& dot : fresh) context.add(dot);
  RecordAssembly assembly(std::move(context));
  for (auto& [id, siblings] : elements) {
    const bool added = assembly.add(id.kind, id.name, std::move(siblings));
    STARLING_ASSERT(added);
  }
  if (operation_.captured_ != nullptr) ChangeCapture(*operation_.captured_).whole(database_, key);
  Database(operation_, database_).put_record(key, assembly.take(), operation_.now_ms());
  return true;
}

Status restamp(Engine& engine, uint16_t partition, uint64_t* cursor, size_t limit, Stamp latest,
               int64_t now_ms, uint64_t* restamped) {
  const auto wanted = [latest](const VisitedVersion& version) {
    std::string_view bytes = version.context;
    (void)take_settled(&bytes);
    VersionVector context;
    return decode_context(bytes, bytes.size(), &context).ok() && context.greatest_stamp() > latest;
  };
  const auto change = [latest](Replica& replica, const Key& key) { return replica.restamp(key, latest); };
  return change_versions(engine, partition, cursor, limit, now_ms, wanted, change, restamped);
}

}  // namespace starling::engine
