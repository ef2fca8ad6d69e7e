#include "engine/types/stream/stream.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/base/assert.h"
#include "engine/memory/collection.h"
#include "engine/memory/history.h"
#include "engine/memory/order_index.h"

namespace starling::engine {
namespace {

// Of more actors' totals the next one who removes something makes one.
constexpr size_t kMostTotals = 8;
constexpr int kBlockBits = 32;

bool is_entry(const Entry& part) {
  return part_of(part.key()) == StreamPart::kEntry;
}

StreamEntry entry_in(const Entry& part) {
  return {id_in(part.key()), part.value()};
}

StreamTotals totals_in(const Entry& part) {
  StreamTotals totals;
  const bool good = decode(part.value(), &totals);
  STARLING_ASSERT(good);
  return totals;
}

}  // namespace

uint64_t StreamView::size() const {
  const OrderIndex& order = parts_.order();
  if (order.size() == 0 || is_entry(*order.at(order.size() - 1))) return order.size();
  return order.count_while(is_entry);
}

StreamEntry StreamView::first() const {
  return entry_in(*parts_.order().at(0));
}

StreamEntry StreamView::last() const {
  return entry_in(*parts_.order().at(size() - 1));
}

std::optional<StreamEntry> StreamView::find(StreamId id) const {
  const Entry* part = parts_.entry_of(entry_name(id));
  if (part == nullptr) return std::nullopt;
  return entry_in(*part);
}

StreamTotals StreamView::totals() const {
  StreamTotals all;
  const OrderIndex& order = parts_.order();
  const uint64_t entries = size();
  order.walk(entries, order.size() - entries, [&](const Entry& part) {
    if (part_of(part.key()) != StreamPart::kTotals) return false;
    const StreamTotals one = totals_in(part);
    all.last = std::max(all.last, one.last);
    all.max_deleted = std::max(all.max_deleted, one.max_deleted);
    all.removed = counted_on(all.removed, static_cast<uint64_t>(one.removed));
    return true;
  });
  if (entries != 0) all.last = std::max(all.last, last().id);
  return all;
}

uint64_t StreamView::count_below(StreamId id) const {
  const std::string name = entry_name(id);
  return parts_.order().count_while([&](const Entry& part) { return part.key() < name; });
}

void StreamView::walk(uint64_t first, uint64_t count, Visit visit) const {
  if (count == 0) return;
  parts_.order().walk(first, count, [&](const Entry& part) { return visit(entry_in(part)); });
}

void StreamView::walk_back(uint64_t first, uint64_t count, Visit visit) const {
  if (count == 0) return;
  parts_.order().walk_back(first, count, [&](const Entry& part) { return visit(entry_in(part)); });
}

std::optional<StreamId> StreamIdGiver::next(StreamId last) const {
  const auto now = static_cast<uint64_t>(std::max<int64_t>(now_ms, 0));
  const uint64_t own = uint64_t{block} << kBlockBits;
  if (now > last.ms) return StreamId{now, own};
  if (alone) return next_of(last);
  // Redis-like numbers go on wherever clients have put the last one, as far as no other node can be meant.
  const uint64_t there = last.seq >> kBlockBits;
  if (there == block && static_cast<uint32_t>(last.seq) != UINT32_MAX) return StreamId{last.ms, last.seq + 1};
  if (there < block) return StreamId{last.ms, own};
  if (last.ms != UINT64_MAX) return StreamId{last.ms + 1, own};
  return next_of(last);
}

std::optional<StreamId> StreamIdGiver::next_in(uint64_t ms, StreamId last) const {
  const uint64_t own = uint64_t{block} << kBlockBits;
  if (ms > last.ms) return StreamId{ms, own};
  if (ms < last.ms || last.seq == UINT64_MAX) return std::nullopt;
  return StreamId{ms, std::max(own, last.seq + 1)};
}

uint64_t Stream::remove(std::span<const StreamId> ids) {
  std::vector<StreamId> there;
  for (const StreamId id : ids) {
    if (view().contains(id)) there.push_back(id);
  }
  std::sort(there.begin(), there.end());
  there.erase(std::unique(there.begin(), there.end()), there.end());
  if (there.empty()) return 0;
  count_removed(there.size(), there.back());
  for (const StreamId id : there) parts_.remove(entry_name(id));
  return there.size();
}

void Stream::trim(uint64_t count) {
  if (count == 0) return;
  count_removed(count, {});
  for (; count > 0; --count) parts_.remove(parts_.view().order().at(0)->key());
}

// Before they go: what they were the last of stays known, and so does the stream.
void Stream::count_removed(uint64_t count, StreamId max_deleted) {
  const std::string name = totals_name(parts_.actor());
  StreamTotals own;
  const StreamTotals all = view().totals();
  std::vector<std::string> others;
  const OrderIndex& order = parts_.view().order();
  const uint64_t entries = view().size();
  order.walk(entries, order.size() - entries, [&](const Entry& part) {
    if (part_of(part.key()) != StreamPart::kTotals) return false;
    if (part.key() == name) {
      own = totals_in(part);
    } else {
      others.emplace_back(part.key());
    }
    return true;
  });
  const bool joins = others.size() >= kMostTotals;
  if (joins) own = all;
  own.last = all.last;
  own.max_deleted = std::max(all.max_deleted, max_deleted);
  own.removed = counted_on(own.removed, count);
  parts_.put(name, encode(own));
  if (!joins) return;
  for (const std::string& other : others) parts_.remove(other);
}

void Stream::set_totals(const StreamTotals& totals) {
  const std::string name = totals_name(parts_.actor());
  parts_.put(name, encode(totals));
  std::vector<std::string> others;
  const OrderIndex& order = parts_.view().order();
  const uint64_t entries = view().size();
  order.walk(entries, order.size() - entries, [&](const Entry& part) {
    if (part_of(part.key()) != StreamPart::kTotals) return false;
    if (part.key() != name) others.emplace_back(part.key());
    return true;
  });
  for (const std::string& other : others) parts_.remove(other);
}

bool Stream::part_twins(const StreamIdGiver& giver) {
  const History* history = parts_.view().history();
  if (history == nullptr) return false;
  std::vector<std::pair<std::string, Siblings>> twins;
  const auto& hidden_parts = history->hidden();
  const std::string first = entry_name({});
  for (auto at = hidden_parts.lower_bound(ElementOrder::View{ElementKind::kStreamPart, first});
       at != hidden_parts.end() && at->first.kind == ElementKind::kStreamPart &&
       part_of(at->first.name) == StreamPart::kEntry;
       ++at) {
    twins.emplace_back(at->first.name, at->second);
  }
  bool parted = false;
  for (const auto& [name, hidden] : twins) {
    const Entry* part = parts_.view().entry_of(name);
    if (part == nullptr) continue;
    // The earliest keeps the id. Of those that clients gave it to, one stands for all, as it is shown: the latest.
    Siblings all = hidden;
    all.push_back({parts_.dot_of(*part), std::string(part->value()), 0, false});
    const auto nodes = [](const Sibling& sibling) { return given_by(sibling.value) == IdGivenBy::kNode; };
    if (std::none_of(all.begin(), all.end(), nodes)) continue;
    const auto client = std::find_if_not(all.rbegin(), all.rend(), nodes);
    const Sibling kept = client == all.rend() ? all.front() : *client;
    parts_.put(name, kept.value);
    for (const Sibling& sibling : all) {
      if (!nodes(sibling) || sibling.dot == kept.dot) continue;
      const std::optional<StreamId> id = giver.next(view().last_id());
      if (id.has_value()) add(*id, sibling.value);
    }
    parted = true;
  }
  return parted;
}

}  // namespace starling::engine
