// SORT and SORT_RO.
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "engine/types/list/list.h"
#include "engine/types/sorted_set/sorted_set.h"
#include "server/commands/arguments.h"
#include "server/commands/sorting/handlers.h"
#include "server/commands/sorting/lookup.h"
#include "server/commands/sorting/request.h"

namespace starling::server::sorting {
namespace {

using engine::Type;

// An element, and what it is sorted by: the score, or with ALPHA the text, which it may lack.
struct Item {
  std::string_view element;
  double score = 0;
  std::optional<std::string_view> text = {};
};

// Lists and sorted sets in their own order, or that backwards; sets in whatever order.
std::vector<std::string_view> elements_of(const engine::Found& found, bool backwards) {
  std::vector<std::string_view> elements;
  if (!found) return elements;
  const engine::Collection& collection = found.collection();
  elements.reserve(collection.size());
  if (found.type() == Type::kList) {
    engine::ListView(collection).walk(0, collection.size(), [&](std::string_view item) {
      elements.push_back(item);
      return true;
    });
  } else if (found.type() == Type::kSortedSet) {
    engine::SortedSetView(collection).walk(0, collection.size(), [&](const engine::ScoredMember& member) {
      elements.push_back(member.member);
      return true;
    });
  } else {
    collection.for_each(
        [&](const engine::Collection::Element& element) { elements.push_back(element.name); });
  }
  if (backwards) std::reverse(elements.begin(), elements.end());
  return elements;
}

// As strtod() reads it, to the last character; nothing at all is 0.
bool read_score(std::string_view text, double* score) {
  const std::string terminated(text);
  char* end = nullptr;
  errno = 0;
  *score = std::strtod(terminated.c_str(), &end);
  return *end == '\0' && errno != ERANGE && !std::isnan(*score);
}

// False: a score is no number.
bool weigh(CommandContext& context, const Request& request, std::vector<Item>* items) {
  bool good = true;
  for (Item& item : *items) {
    const auto by =
        request.has_weights ? value_of(context, request.weights, item.element) : std::optional(item.element);
    if (!by) continue;
    if (request.by_bytes) {
      item.text = by;
    } else {
      good &= read_score(*by, &item.score);
    }
  }
  return good;
}

int compare(const Item& a, const Item& b, bool by_bytes) {
  if (by_bytes) {
    // What has no text comes first.
    if (!a.text || !b.text)
      return static_cast<int>(a.text.has_value()) - static_cast<int>(b.text.has_value());
    return a.text->compare(*b.text);
  }
  if (a.score != b.score) return a.score < b.score ? -1 : 1;
  return a.element.compare(b.element);
}

// Of the result, from where to where. As Redis takes limits.
std::pair<size_t, size_t> stretch_of(const Request& request, size_t size) {
  const auto most = static_cast<int64_t>(size);
  const int64_t first = std::clamp<int64_t>(request.offset, 0, most);
  const int64_t count = request.count < 0 ? most : std::min(request.count, most);
  return {static_cast<size_t>(first), static_cast<size_t>(std::min(first + count, most))};
}

using Result = std::vector<std::optional<std::string_view>>;

void reply_result(CommandContext& context, const Result& result) {
  context.reply.array(result.size());
  for (const auto& value : result) {
    if (value) {
      context.reply.bulk(*value);
    } else {
      context.reply.null();
    }
  }
}

void store_result(CommandContext& context, const engine::Key& key, const Result& result) {
  if (!result.empty()) {
    engine::ListMaker maker(context.operation.birth(), result.size());
    for (const auto& value : result) maker.add(value.value_or(std::string_view()));
    const bool existed = context.database.put_collection(key, maker.take());
    notify_change(context, kNotifyList, "sortstore", key.name, !existed);
  } else if (context.database.remove(key)) {
    context.notify(kNotifyGeneric, "del", key.name);
  }
  context.reply.integer(static_cast<int64_t>(result.size()));
}

void run(CommandContext& context, bool may_store) {
  Request request;
  if (!read_request(context, may_store, &request)) return;
  const engine::Found found = find_to_read(context, context.key(1));
  if (found && found.type() != Type::kList && found.type() != Type::kSet && found.type() != Type::kSortedSet)
    return context.reply.error(kWrongTypeError);
  // A set has no order to keep; Redis sorts it where the result lasts, here it always is.
  if (request.as_it_is && found && found.type() == Type::kSet) {
    request.as_it_is = request.has_weights = false;
    request.by_bytes = true;
  }
  const std::vector<std::string_view> elements = elements_of(found, request.as_it_is && request.descending);
  if (!reach_values(context, request, elements)) return;
  std::vector<Item> items;
  items.reserve(elements.size());
  for (const std::string_view element : elements) items.push_back({element});
  if (!request.as_it_is) {
    if (!weigh(context, request, &items))
      return context.reply.error("ERR One or more scores can't be converted into double");
    std::stable_sort(items.begin(), items.end(), [&](const Item& a, const Item& b) {
      const int order = compare(a, b, request.by_bytes);
      return request.descending ? order > 0 : order < 0;
    });
  }
  Result result;
  const auto [first, end] = stretch_of(request, items.size());
  for (size_t i = first; i < end; ++i) {
    if (request.values.empty()) result.emplace_back(items[i].element);
    for (const ValuePattern& pattern : request.values)
      result.push_back(value_of(context, pattern, items[i].element));
  }
  if (request.store_at == 0) return reply_result(context, result);
  store_result(context, context.key(request.store_at), result);
}

}  // namespace

void sort(CommandContext& context) {
  run(context, true);
}

void sort_ro(CommandContext& context) {
  run(context, false);
}

bool find_sort_keys(Arguments arguments, std::vector<int>* positions) {
  if (arguments.size() < 2) return true;
  positions->push_back(1);
  int store = 0;
  for (size_t i = 2; i < arguments.size(); ++i) {
    if (is_word(arguments[i], "limit")) {
      i += 2;
    } else if (is_word(arguments[i], "get") || is_word(arguments[i], "by")) {
      ++i;
    } else if (is_word(arguments[i], "store") && i + 1 < arguments.size()) {
      store = static_cast<int>(++i);
    }
  }
  if (store != 0) positions->push_back(store);
  return true;
}

}  // namespace starling::server::sorting
