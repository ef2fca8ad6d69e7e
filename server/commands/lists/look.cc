// Commands that look at a list.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "server/commands/arguments.h"
#include "server/commands/collections.h"
#include "server/commands/lists/ends.h"
#include "server/commands/lists/handlers.h"

namespace starling::server::lists {
namespace {

using engine::ListView;
using engine::Type;

struct Search {
  int64_t rank = 1;        // Which of the matches is the first that counts; negative: from the back.
  int64_t matches = -1;    // At most so many; 0: all. -1: one, which is the reply.
  int64_t most_looks = 0;  // 0: all items.
};

// False: an error was replied.
bool search_options(const CommandContext& context, Search* search) {
  for (size_t i = 3; i < context.size(); i += 2) {
    const std::string_view option = context.argument(i);
    const bool has_value = i + 1 < context.size();
    if (has_value && is_word(option, "rank")) {
      if (!integer_argument(context, i + 1, &search->rank)) return false;
      if (search->rank == 0) {
        context.reply.error(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use "
            "negative to start from the end of the list");
        return false;
      }
    } else if (has_value && is_word(option, "count")) {
      if (!integer_argument_between(context, i + 1, 0, INT64_MAX, &search->matches,
                                    "ERR COUNT can't be negative"))
        return false;
    } else if (has_value && is_word(option, "maxlen")) {
      if (!integer_argument_between(context, i + 1, 0, INT64_MAX, &search->most_looks,
                                    "ERR MAXLEN can't be negative"))
        return false;
    } else {
      context.reply.error(kSyntaxError);
      return false;
    }
  }
  return true;
}

// The indexes that the search finds, in the order of the search.
std::vector<uint64_t> find_items(ListView list, std::string_view item, const Search& search) {
  std::vector<uint64_t> found;
  const bool backwards = search.rank < 0;
  // The least integer has no opposite. Redis takes it for -1.
  uint64_t to_skip = static_cast<uint64_t>(search.rank == INT64_MIN ? 1 : std::abs(search.rank)) - 1;
  const auto wanted = search.matches == -1 ? 1 : static_cast<uint64_t>(search.matches);
  const uint64_t looks =
      search.most_looks == 0 ? list.size() : std::min(list.size(), static_cast<uint64_t>(search.most_looks));
  uint64_t index = backwards ? list.size() - 1 : 0;
  const auto look = [&](std::string_view candidate) {
    if (candidate == item) {
      if (to_skip > 0) {
        --to_skip;
      } else {
        found.push_back(index);
      }
    }
    index += backwards ? static_cast<uint64_t>(-1) : 1;
    return wanted == 0 || found.size() < wanted;
  };
  if (backwards) {
    list.walk_back(index, looks, look);
  } else {
    list.walk(0, looks, look);
  }
  return found;
}

}  // namespace

void llen(CommandContext& context) {
  reply_size(context, Type::kList);
}

void lindex(CommandContext& context) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kList, &found)) return;
  if (!found) return context.reply.null();
  int64_t index = 0;
  if (!integer_argument(context, 2, &index)) return;
  const ListView list(found.collection());
  uint64_t place = 0;
  if (!place_of(index, list.size(), &place)) return context.reply.null();
  context.reply.bulk(list.at(place));
}

void lrange(CommandContext& context) {
  int64_t start = 0, stop = 0;
  if (!integer_argument(context, 2, &start) || !integer_argument(context, 3, &stop)) return;
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kList, &found)) return;
  if (!found) return context.reply.array(0);
  const ListView list(found.collection());
  const Stretch stretch = stretch_of(start, stop, list.size());
  context.reply.array(stretch.count);
  if (stretch.count == 0) return;
  list.walk(stretch.first, stretch.count, [&](std::string_view item) {
    context.reply.bulk(item);
    return true;
  });
}

void lpos(CommandContext& context) {
  Search search;
  if (!search_options(context, &search)) return;
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kList, &found)) return;
  std::vector<uint64_t> indexes;
  if (found) indexes = find_items(ListView(found.collection()), context.argument(2), search);
  if (search.matches == -1) {
    if (indexes.empty()) return context.reply.null();
    return context.reply.integer(static_cast<int64_t>(indexes[0]));
  }
  context.reply.array(indexes.size());
  for (const uint64_t index : indexes) context.reply.integer(static_cast<int64_t>(index));
}

}  // namespace starling::server::lists
