#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "resp/number.h"
#include "server/commands/arguments.h"
#include "server/commands/collections.h"
#include "server/commands/sets/handlers.h"
#include "server/server.h"

namespace starling::server::sets {
namespace {

using engine::Collection;
using Element = Collection::Element;
// Null stands for an absent key: an empty set.
using Sets = std::vector<const Collection*>;
using Visit = absl::FunctionRef<void(std::string_view)>;

constexpr uint64_t kNoLimit = UINT64_MAX;
constexpr uint64_t kScanStep = 256;

size_t size_of(const Collection* set) {
  return set == nullptr ? 0 : set->size();
}

// The sets of the `count` keys from argument `first` on. False: one is no set; an error was replied.
bool find_sets(CommandContext& context, size_t first, size_t count, Sets* sets) {
  sets->reserve(count);
  for (size_t i = first; i < first + count; ++i) {
    engine::Found found;
    if (!find_to_read(context, context.key(i), engine::Type::kSet, &found)) return false;
    sets->push_back(found ? &found.collection() : nullptr);
  }
  return true;
}

// Visits at most `limit` members that all sets have. Goes through the smallest, asking the others in order of
// their size.
void intersect(Sets sets, uint64_t limit, Visit visit) {
  std::sort(sets.begin(), sets.end(),
            [](const Collection* a, const Collection* b) { return size_of(a) < size_of(b); });
  const Collection* smallest = sets.front();
  if (smallest == nullptr) return;
  std::erase(sets, smallest);
  uint64_t left = limit;
  const auto consider = [&](const Element& element) {
    if (left == 0) return;
    for (const Collection* other : sets) {
      if (!other->contains(element.name)) return;
    }
    --left;
    visit(element.name);
  };
  if (limit == kNoLimit) return smallest->for_each(consider);
  uint64_t cursor = 0;  // In steps, to stop at the limit.
  do {
    cursor = smallest->scan(cursor, kScanStep, consider);
  } while (cursor != 0 && left != 0);
}

// Visits each member once.
void visit_intersection(const Sets& sets, Visit visit) {
  intersect(sets, kNoLimit, visit);
}

// Visits a member once for each set that has it.
void visit_union(const Sets& sets, Visit visit) {
  for (const Collection* set : sets) {
    if (set != nullptr) set->for_each([&](const Element& element) { visit(element.name); });
  }
}

void visit_union_once(const Sets& sets, Visit visit) {
  absl::flat_hash_set<std::string_view> seen;
  visit_union(sets, [&](std::string_view member) {
    if (seen.insert(member).second) visit(member);
  });
}

// Asks the other sets for each member of the first, the largest one first: it is likeliest to have it.
void difference_by_asking(const Collection& first, Sets others, Visit visit) {
  std::sort(others.begin(), others.end(),
            [](const Collection* a, const Collection* b) { return size_of(a) > size_of(b); });
  first.for_each([&](const Element& element) {
    for (const Collection* other : others) {
      if (other != nullptr && other->contains(element.name)) return;
    }
    visit(element.name);
  });
}

// Takes the members of the other sets out of a copy of the first.
void difference_by_erasing(const Collection& first, const Sets& others, Visit visit) {
  absl::flat_hash_set<std::string_view> left;
  left.reserve(first.size());
  first.for_each([&](const Element& element) { left.insert(element.name); });
  for (const Collection* other : others) {
    if (left.empty()) break;
    if (other != nullptr) other->for_each([&](const Element& element) { left.erase(element.name); });
  }
  for (const std::string_view member : left) visit(member);
}

// Visits each member once.
void visit_difference(const Sets& sets, Visit visit) {
  const Collection* first = sets.front();
  const Sets others(sets.begin() + 1, sets.end());
  if (first == nullptr || std::find(others.begin(), others.end(), first) != others.end()) return;
  // Asking costs at most a lookup for each member of the first and each set, and often stops early; erasing
  // costs a step for each member of all sets.
  uint64_t asking = 0, erasing = 0;
  for (const Collection* set : sets) {
    if (set != nullptr) asking += first->size();
    erasing += size_of(set);
  }
  return asking / 2 <= erasing ? difference_by_asking(*first, others, visit)
                               : difference_by_erasing(*first, others, visit);
}

using Combine = void (*)(const Sets& sets, Visit visit);

void reply_combined(CommandContext& context, Combine combine) {
  Sets sets;
  if (!find_sets(context, 1, context.size() - 1, &sets)) return;
  std::vector<Element> members;
  combine(sets, [&](std::string_view member) { members.push_back({member, {}}); });
  order_members(context.server.settings(), &members);
  context.reply.set(members.size());
  for (const Element& member : members) context.reply.bulk(member.name);
}

// Makes the key in argument 1, of whatever type it is, the set of the members. It may be one of the sets itself, so
// the new set is made apart. `room`: for about how many members, of sets of these sizes.
void store_combined(CommandContext& context, Combine combine,
                    uint64_t (*room)(const std::vector<uint64_t>& sizes), std::string_view event) {
  Sets sets;
  if (!find_sets(context, 2, context.size() - 2, &sets)) return;
  std::vector<uint64_t> sizes;
  for (const Collection* set : sets) sizes.push_back(size_of(set));
  auto combined = std::make_unique<Collection>(engine::Type::kSet);
  combined->reserve(room(sizes));
  combine(sets, [&](std::string_view member) { combined->put(member, {}); });
  const engine::Key destination = context.key(1);
  const auto size = static_cast<int64_t>(combined->size());
  if (size != 0) {
    const bool existed = context.database.put_collection(destination, std::move(combined));
    notify_change(context, kNotifySet, event, destination.name, !existed);
  } else if (context.database.remove(destination)) {
    context.notify(kNotifyGeneric, "del", destination.name);
  }
  context.reply.integer(size);
}

// Not for all of them where there are many: they may have the same members.
uint64_t union_room(const std::vector<uint64_t>& sizes) {
  const uint64_t sum = std::accumulate(sizes.begin(), sizes.end(), uint64_t{0});
  return std::min(sum, 2 * *std::max_element(sizes.begin(), sizes.end()));
}

uint64_t intersection_room(const std::vector<uint64_t>& sizes) {
  return *std::min_element(sizes.begin(), sizes.end());
}

uint64_t difference_room(const std::vector<uint64_t>& sizes) {
  return sizes.front();
}

}  // namespace

void sinter(CommandContext& context) {
  reply_combined(context, visit_intersection);
}

void sunion(CommandContext& context) {
  reply_combined(context, visit_union_once);
}

void sdiff(CommandContext& context) {
  reply_combined(context, visit_difference);
}

void sinterstore(CommandContext& context) {
  store_combined(context, visit_intersection, intersection_room, "sinterstore");
}

void sunionstore(CommandContext& context) {
  store_combined(context, visit_union, union_room, "sunionstore");
}

void sdiffstore(CommandContext& context) {
  store_combined(context, visit_difference, difference_room, "sdiffstore");
}

void sintercard(CommandContext& context) {
  int64_t key_count = 0, limit = 0;
  if (!integer_argument_between(context, 1, 1, INT64_MAX, &key_count,
                                "ERR numkeys should be greater than 0")) {
    return;
  }
  if (static_cast<uint64_t>(key_count) > context.size() - 2) {
    return context.reply.error("ERR Number of keys can't be greater than number of args");
  }
  const auto count = static_cast<size_t>(key_count);
  for (size_t i = 2 + count; i < context.size(); i += 2) {
    if (!is_word(context.argument(i), "limit") || i + 1 == context.size()) {
      return context.reply.error(kSyntaxError);
    }
    if (!integer_argument_between(context, i + 1, 0, INT64_MAX, &limit, "ERR LIMIT can't be negative")) {
      return;
    }
  }
  Sets sets;
  if (!find_sets(context, 2, count, &sets)) return;
  int64_t found = 0;
  intersect(std::move(sets), limit == 0 ? kNoLimit : static_cast<uint64_t>(limit),
            [&](std::string_view) { ++found; });
  context.reply.integer(found);
}

}  // namespace starling::server::sets
