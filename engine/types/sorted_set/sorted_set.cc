#include "engine/types/sorted_set/sorted_set.h"

#include <string>
#include <vector>

#include "engine/memory/collection.h"
#include "engine/memory/order_index.h"
#include "engine/record/score.h"

namespace starling::engine {

namespace {

// Added to -0 it makes 0, and leaves all other numbers what they are.
constexpr double kNoSign = 0;

ScoredMember member_in(const Entry& entry) {
  return {entry.key(), score_in(entry.value())};
}

}  // namespace

std::optional<double> SortedSetView::score(std::string_view member) const {
  const std::optional<std::string_view> value = members_.find(member);
  if (!value.has_value()) return std::nullopt;
  return score_in(*value);
}

std::optional<uint64_t> SortedSetView::rank(std::string_view member) const {
  const Entry* entry = members_.entry_of(member);
  if (entry == nullptr) return std::nullopt;
  return members_.order().rank_of(*entry);
}

ScoredMember SortedSetView::at(uint64_t rank) const {
  return member_in(*members_.order().at(rank));
}

void SortedSetView::walk(uint64_t first, uint64_t count, Visit visit) const {
  members_.order().walk(first, count, [&](const Entry& entry) { return visit(member_in(entry)); });
}

void SortedSetView::walk_back(uint64_t first, uint64_t count, Visit visit) const {
  members_.order().walk_back(first, count, [&](const Entry& entry) { return visit(member_in(entry)); });
}

uint64_t SortedSetView::count_below(double score, bool or_equal) const {
  return members_.order().count_while([&](const Entry& entry) {
    const double other = score_in(entry.value());
    return other < score || (or_equal && other == score);
  });
}

uint64_t SortedSetView::count_before(std::string_view member, bool or_equal) const {
  return members_.order().count_while([&](const Entry& entry) {
    const std::string_view other = entry.key();
    return other < member || (or_equal && other == member);
  });
}

bool SortedSet::put(std::string_view member, double score) {
  const std::optional<double> before = view().score(member);
  if (before == score) return false;
  members_.put(member, encode_score(score + kNoSign));
  return !before.has_value();
}

double SortedSet::add(std::string_view member, double increment) {
  return members_.add_score(member, view().score(member).value_or(0), increment);
}

bool SortedSet::put_above(std::string_view member, double score) {
  const bool created = !members_.view().contains(member);
  members_.put_extreme(member, score + kNoSign, Join::kGreatest);
  return created;
}

bool SortedSet::put_below(std::string_view member, double score) {
  const bool created = !members_.view().contains(member);
  members_.put_extreme(member, score + kNoSign, Join::kLeast);
  return created;
}

void SortedSet::remove_range(uint64_t first, uint64_t count) {
  std::vector<std::string_view> members;
  members.reserve(count);
  view().walk(first, count, [&](const ScoredMember& each) {
    members.push_back(each.member);
    return true;
  });
  for (const std::string_view member : members) members_.remove(member);
}

SortedSetMaker::SortedSetMaker(uint64_t expected_members)
    : members_(std::make_unique<Collection>(Type::kSortedSet)) {
  members_->reserve(expected_members);
}

bool SortedSetMaker::put(std::string_view member, double score) {
  return members_->put(member, encode_score(score + kNoSign));
}

}  // namespace starling::engine
