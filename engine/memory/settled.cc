#include "engine/memory/settled.h"

#include <algorithm>
#include <utility>

#include "engine/base/assert.h"
#include "engine/memory/record_form.h"

namespace starling::engine {
namespace {

VersionVector with_floor(const VersionVector& context, Stamp settled) {
  VersionVector raised = context;
  raised.raise_floor(settled);
  return raised;
}

Record with_context(const Elements& elements, VersionVector context) {
  RecordAssembly assembly(std::move(context));
  for (const auto& [id, siblings] : elements) {
    const bool added = assembly.add(id.kind, id.name, siblings);
    STARLING_ASSERT(added);
  }
  return assembly.take();
}

// The deadline of a sibling that ends or has ended by it, 0 of a delete, -1 of one that lasts.
int64_t end_of(const Sibling& sibling) {
  if (sibling.tombstone) return sibling.deadline_ms;
  return sibling.deadline_ms == 0 ? -1 : sibling.deadline_ms;
}

// Of what was last changed at a stamp and ends at a time.
Stamp ripe_at(Stamp greatest, int64_t end_ms) {
  constexpr int64_t kLastMs = (int64_t{1} << 47) - 1;
  if (end_ms > kLastMs) return kNeverRipe;
  return std::max(greatest, stamp_at(end_ms));
}

}  // namespace

Order compare_known(const Known& mine, const Known& theirs) {
  if (mine.context == theirs.context) return Order::kEqual;
  const bool covers = mine.covers(theirs);
  const bool covered = theirs.covers(mine);
  if (covers && covered) {
    const Stamp my_floor = std::max(mine.settled, mine.context.floor());
    const Stamp their_floor = std::max(theirs.settled, theirs.context.floor());
    if (my_floor != their_floor) {
      // Who has settled less and has no record has removed already what the other one keeps for a while yet.
      if ((my_floor < their_floor ? mine : theirs).context.empty()) return Order::kEqual;
      return my_floor > their_floor ? Order::kAfter : Order::kBefore;
    }
    if (mine.context.empty() || theirs.context.empty()) return Order::kEqual;
    return mine.context.compare(theirs.context);
  }
  if (covered) return Order::kBefore;
  return covers ? Order::kAfter : Order::kConcurrent;
}

Record merge_known(const Record& mine, Stamp my_settled, const Record& theirs, Stamp their_settled) {
  const Order order = compare_known({mine.context(), my_settled}, {theirs.context(), their_settled});
  if (order == Order::kEqual || order == Order::kAfter) return mine;
  if (order == Order::kBefore && their_settled >= my_settled) {
    // What only their settled stamp knows to be superseded must be known here as well, before this partition
    // is settled here: else an event that comes late would be news.
    const bool said = their_settled == my_settled || theirs.context().covers(mine.context());
    if (said && !theirs.context().empty()) return theirs;
    return with_context(theirs.elements(), with_floor(theirs.context(), their_settled));
  }
  Record plain = mine;
  plain.merge(theirs);
  Record merged = with_context(mine.elements(), with_floor(mine.context(), my_settled));
  merged.merge(with_context(theirs.elements(), with_floor(theirs.context(), their_settled)));
  if (merged.elements() == plain.elements()) return plain;
  return with_context(merged.elements(), with_floor(plain.context(), std::max(my_settled, their_settled)));
}

void append_settled(Stamp settled, std::string* out) {
  if (settled == 0) return;
  out->push_back(static_cast<char>(Form::kSettled));
  append_u64(settled, out);
}

Stamp take_settled(std::string_view* bytes) {
  constexpr size_t kBytes = 1 + sizeof(Stamp);
  if (bytes->size() < kBytes || bytes->front() != static_cast<char>(Form::kSettled)) return 0;
  const Stamp settled = load_u64(bytes->data() + 1);
  bytes->remove_prefix(kBytes);
  return settled;
}

Stamp ripe_stamp(const Header& header) {
  const VersionVector& context = header.record.context();
  int64_t end_ms = 0;
  bool elements = !header.collections.empty();
  for (const auto& [id, siblings] : header.record.elements()) {
    elements |= id.kind != ElementKind::kValue && id.kind != ElementKind::kDeadline;
    if (id.kind != ElementKind::kValue) continue;
    for (const Sibling& sibling : siblings) {
      const int64_t sibling_end_ms = end_of(sibling);
      if (sibling_end_ms < 0) return kNeverRipe;
      end_ms = std::max(end_ms, sibling_end_ms);
    }
  }
  if (elements) {
    const Sibling* deadline = header.record.winner(ElementKind::kDeadline, "");
    if (deadline == nullptr) return kNeverRipe;
    end_ms = std::max(end_ms, deadline->deadline_ms);
  }
  if (context.size() == 1 && context.floor() != 0 && header.record.elements().empty() && !elements) return 0;
  return ripe_at(context.greatest_stamp(), end_ms);
}

Stamp ripe_stamp(const ActorTable& actors, const Entry& entry) {
  // What needs no look at its parts: a live record without a deadline, and what one actor made.
  if (!entry.tombstone() && !entry.has(Entry::kHasDeadline)) return kNeverRipe;
  if (entry.has(Entry::kComplex)) return ripe_stamp(header_of(actors, entry));
  return ripe_at(entry.stamp(), entry.deadline_ms());
}

size_t sibling_count(const Header& header) {
  constexpr int64_t kNoTime = 0;
  return header.record.live_values(kNoTime).size();
}

size_t sibling_count(const ActorTable& actors, const Entry& entry) {
  const History* history = entry.history();
  const bool several = history != nullptr && history->find(ElementKind::kValue, "") != nullptr;
  return several ? sibling_count(header_of(actors, entry)) : entry.type() == Type::kString ? 1 : 0;
}

}  // namespace starling::engine
