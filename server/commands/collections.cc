#include "server/commands/collections.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "engine/record/score.h"
#include "engine/types/list/list.h"
#include "resp/number.h"
#include "server/commands/arguments.h"
#include "server/commands/scan_options.h"
#include "server/rdb/sorted_set_payload.h"
#include "server/server.h"

namespace starling::server {
namespace {

using Element = engine::Collection::Element;

bool all_integers(const engine::Collection& collection) {
  bool all = true;
  collection.for_each([&](const Element& element) {
    int64_t value;
    all = all && resp::parse_integer(element.name, &value);
  });
  return all;
}

size_t longest_name(const engine::Collection& collection) {
  size_t longest = 0;
  collection.for_each([&](const Element& element) { longest = std::max(longest, element.name.size()); });
  return longest;
}

// In the order of the elements, where they have one.
void for_each_in_order(const engine::Collection& collection, absl::FunctionRef<void(const Element&)> visit) {
  if (!engine::is_ordered(collection.type())) return collection.for_each(visit);
  collection.order().walk(0, collection.size(), [&](const engine::Entry& entry) {
    visit({entry.key(), entry.value()});
    return true;
  });
}

void reply_value(CommandContext& context, engine::Type type, std::string_view value, bool compact) {
  if (type != engine::Type::kSortedSet) return context.reply.bulk(value);
  const double score = engine::score_in(value);
  context.reply.bulk(compact ? listpack_score(score) : resp::format_real(score));
}

// Whether the items fit one listpack of a quicklist.
bool is_short_list(int64_t limit, const engine::Collection& collection) {
  constexpr uint64_t kLimits[] = {4096, 8192, 16384, 32768, 65536};
  // Of a listpack, and of each item in it, beside the texts.
  constexpr uint64_t kHeaderBytes = 7, kItemBytes = 2;
  const engine::ListView list(collection);
  const size_t place =
      limit >= 0 ? 1 : static_cast<size_t>(std::min<int64_t>(-limit, std::ssize(kLimits))) - 1;
  const uint64_t most = kLimits[place];
  if (limit >= 0 && list.size() > static_cast<uint64_t>(limit)) return false;
  uint64_t bytes = kHeaderBytes;
  list.walk(0, list.size(), [&](std::string_view item) {
    bytes += item.size() + kItemBytes;
    return bytes <= most;
  });
  return bytes <= most;
}

}  // namespace

bool is_compact(const Settings& settings, const engine::Collection& collection) {
  if (collection.type() == engine::Type::kList) return is_short_list(settings.list_listpack_size, collection);
  const auto size = static_cast<int64_t>(collection.size());
  if (collection.type() == engine::Type::kSortedSet) {
    return size <= settings.zset_listpack_entries &&
           static_cast<int64_t>(longest_name(collection)) <= settings.zset_listpack_value_bytes;
  }
  if (collection.type() == engine::Type::kSet) {
    return size <= settings.set_intset_entries && all_integers(collection);
  }
  return size <= settings.hash_listpack_entries &&
         static_cast<int64_t>(collection.longest_bytes()) <= settings.hash_listpack_value_bytes;
}

void order_members(const Settings& settings, std::vector<Element>* members) {
  if (std::ssize(*members) > settings.set_intset_entries) return;
  std::vector<std::pair<int64_t, Element>> numbered;
  numbered.reserve(members->size());
  for (const Element& member : *members) {
    int64_t integer = 0;
    if (!resp::parse_integer(member.name, &integer)) return;
    numbered.emplace_back(integer, member);
  }
  std::sort(numbered.begin(), numbered.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::transform(numbered.begin(), numbered.end(), members->begin(),
                 [](const auto& pair) { return pair.second; });
}

int64_t put_elements(CommandContext& context, engine::Type type, bool absent) {
  // With fewer a collection made apart gains nothing.
  constexpr size_t kManyElements = 32;
  const size_t step = type == engine::Type::kHash ? 2 : 1;
  int64_t added = 0;
  const auto put_into = [&](auto& collection) {
    for (size_t i = 2; i < context.size(); i += step) {
      const std::string_view value = step == 2 ? context.argument(i + 1) : std::string_view();
      added += collection.put(context.argument(i), value) ? 1 : 0;
    }
  };
  const engine::Key key = context.key(1);
  const size_t elements = (context.size() - 2) / step;
  if (absent && elements >= kManyElements) {
    auto collection = std::make_unique<engine::Collection>(type);
    collection->reserve(elements);
    put_into(*collection);
    context.database.put_collection(key, std::move(collection));
  } else {
    engine::OpenCollection collection = context.database.open(key, type);
    put_into(collection);
  }
  return added;
}

void reply_size(CommandContext& context, engine::Type type) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), type, &found)) return;
  context.reply.integer(found ? static_cast<int64_t>(found.collection().size()) : 0);
}

void reply_contains(CommandContext& context, engine::Type type) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), type, &found)) return;
  context.reply.integer(found && found.collection().contains(context.argument(2)) ? 1 : 0);
}

void remove_elements(CommandContext& context, engine::Type type, NotifyClass event_class,
                     std::string_view event) {
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, type, &found)) return;
  if (!found) return context.reply.integer(0);
  const uint64_t size = found.collection().size();
  engine::OpenCollection collection = context.database.open(key, type);
  uint64_t removed = 0;
  for (size_t i = 2; i < context.size() && removed < size; ++i) {
    if (collection.remove(context.argument(i))) ++removed;
  }
  if (removed != 0) context.notify(event_class, event, key.name);
  if (removed == size) context.notify(kNotifyGeneric, "del", key.name);
  context.reply.integer(static_cast<int64_t>(removed));
}

void scan_collection(CommandContext& context, engine::Type type) {
  uint64_t cursor = 0;
  if (!parse_scan_cursor(context.argument(2), &cursor)) return context.reply.error(kInvalidCursorError);
  engine::Found found;
  if (!find_to_read(context, context.key(1), type, &found)) return;
  ScanOptions options;
  std::vector<Element> elements;
  const bool compact = found && is_compact(context.server.settings(), found.collection());
  // An absent key answers before the options are looked at.
  if (found) {
    if (!scan_options(context, 3, ScanOf::kElements, &options)) return;
    const auto add = [&](const Element& element) {
      if (options.matches(element.name)) elements.push_back(element);
    };
    if (compact) {
      for_each_in_order(found.collection(), add);
      if (type == engine::Type::kSet) order_members(context.server.settings(), &elements);
      cursor = 0;
    } else {
      cursor = found.collection().scan(cursor, options.count, add);
    }
  } else {
    cursor = 0;
  }
  const bool has_values = type != engine::Type::kSet;
  context.reply.array(2);
  context.reply.bulk_integer(static_cast<int64_t>(cursor));
  context.reply.array(has_values ? elements.size() * 2 : elements.size());
  for (const Element& element : elements) {
    context.reply.bulk(element.name);
    if (has_values) reply_value(context, type, element.value, compact);
  }
}

}  // namespace starling::server
