// GEOSEARCH and GEOSEARCHSTORE, and GEORADIUS and its kin, which they replace.
#include <algorithm>
#include <vector>

#include "engine/types/sorted_set/sorted_set.h"
#include "server/commands/arguments.h"
#include "server/commands/geo/arguments.h"
#include "server/commands/geo/handlers.h"
#include "server/commands/geo/search_request.h"
#include "server/commands/sorted_sets/store.h"

namespace starling::server::geo {
namespace {

using engine::ScoredMember;
using engine::SortedSetView;

struct Match {
  ScoredMember member;
  Position position;
  double distance_m = 0;
};

// What the sorted set has in the shape, in the order in which the cells are looked through; no more than `most`.
std::vector<Match> matches_in(const SortedSetView& members, const Shape& shape, uint64_t most) {
  std::vector<Match> matches;
  for (const Cell& cell : cover(shape)) {
    const ScoreSpan span = scores_in(cell);
    const uint64_t first = members.count_below(span.first, false);
    const uint64_t end = members.count_below(span.end, false);
    if (matches.size() == most) break;
    if (first == end) continue;
    members.walk(first, end - first, [&](const ScoredMember& member) {
      Match match{member, position_of(member.score)};
      if (shape.contains(match.position, &match.distance_m)) matches.push_back(match);
      return matches.size() < most;
    });
  }
  return matches;
}

// Keeps as many as were asked for, in their order.
void sort_and_cut(const SearchRequest& request, std::vector<Match>* matches) {
  const size_t wanted =
      request.count == 0 ? matches->size() : std::min(matches->size(), static_cast<size_t>(request.count));
  const auto sort = [&](auto before) {
    if (wanted == matches->size()) return std::stable_sort(matches->begin(), matches->end(), before);
    std::partial_sort(matches->begin(), matches->begin() + static_cast<ptrdiff_t>(wanted), matches->end(),
                      before);
  };
  if (request.sort == Sort::kNearest) {
    sort([](const Match& a, const Match& b) { return a.distance_m < b.distance_m; });
  } else if (request.sort == Sort::kFarthest) {
    sort([](const Match& a, const Match& b) { return a.distance_m > b.distance_m; });
  }
  matches->resize(wanted);
}

void reply_match(const CommandContext& context, const SearchRequest& request, const Match& match) {
  const int more = request.with_distance + request.with_score + request.with_position;
  if (more != 0) context.reply.array(static_cast<size_t>(1 + more));
  context.reply.bulk(match.member.member);
  if (request.with_distance) reply_distance(context, match.distance_m / request.unit_m);
  if (request.with_score) context.reply.integer(static_cast<int64_t>(match.member.score));
  if (request.with_position) reply_position(context, match.position);
}

void store_matches(CommandContext& context, const SearchForm& form, const SearchRequest& request,
                   const std::vector<Match>& matches) {
  engine::SortedSetMaker maker(matches.size());
  for (const Match& match : matches) {
    maker.put(match.member.member,
              request.store_distances ? match.distance_m / request.unit_m : match.member.score);
  }
  sorted_sets::store_members(context, *request.store_at, std::move(maker),
                             form.centre == Centre::kOption ? "geosearchstore" : "georadiusstore");
}

void search(CommandContext& context, const SearchForm& form) {
  engine::Found found;
  SearchRequest request;
  if (!find_to_read(context, context.key(form.key_at), engine::Type::kSortedSet, &found)) return;
  if (!search_request(context, form, found, &request)) return;
  std::vector<Match> matches;
  if (found) {
    const uint64_t most = request.any ? static_cast<uint64_t>(request.count) : UINT64_MAX;
    matches = matches_in(SortedSetView(found.collection()), request.shape, most);
    sort_and_cut(request, &matches);
  }
  if (request.store_at.has_value()) return store_matches(context, form, request, matches);
  context.reply.array(matches.size());
  for (const Match& match : matches) reply_match(context, request, match);
}

}  // namespace

void georadius(CommandContext& context) {
  search(context, {.centre = Centre::kPosition, .store_options = true});
}

void georadius_ro(CommandContext& context) {
  search(context, {.centre = Centre::kPosition});
}

void georadiusbymember(CommandContext& context) {
  search(context, {.centre = Centre::kMember, .store_options = true});
}

void georadiusbymember_ro(CommandContext& context) {
  search(context, {.centre = Centre::kMember});
}

void geosearch(CommandContext& context) {
  search(context, {});
}

void geosearchstore(CommandContext& context) {
  search(context, {.key_at = 2, .stores = true});
}

bool find_radius_keys(Arguments arguments, std::vector<int>* positions) {
  constexpr size_t kFirstOption = 5;
  if (arguments.size() < kFirstOption) return false;
  size_t store_at = 0;
  for (size_t i = kFirstOption; i + 1 < arguments.size(); ++i) {
    if (is_word(arguments[i], "store") || is_word(arguments[i], "storedist")) store_at = ++i;
  }
  positions->push_back(1);
  if (store_at != 0) positions->push_back(static_cast<int>(store_at));
  return true;
}

}  // namespace starling::server::geo
