#include "cluster/repair/anti_entropy.h"

#include <algorithm>
#include <map>
#include <utility>

#include "engine/base/assert.h"
#include "engine/memory/settled.h"
#include "engine/record/record_codec.h"

namespace starling::cluster {
namespace {

// A context has an entry for each actor that ever wrote the record. More than this is nobody's.
constexpr size_t kMaxContextEntries = 1 << 16;

bool decode(const std::string& context, engine::VersionVector* vector) {
  return engine::decode_context(context, kMaxContextEntries, vector).ok();
}

}  // namespace

Exchange::Action Exchange::send(std::string message, Waiting waiting) {
  waiting_ = waiting;
  ++figures_.messages;
  figures_.bytes += message.size();
  Action action{Action::Kind::kSend, std::move(message), 0, 0, {}, {}};
  return action;
}

Exchange::Action Exchange::fail(std::string reason) {
  waiting_ = Waiting::kNothing;
  return {Action::Kind::kFailed, {}, 0, 0, {}, std::move(reason)};
}

// To the next stretch.
Exchange::Action Exchange::proceed() {
  if (position_ == kEndPosition) {
    if (!std::exchange(founded_, false)) unfounded_.push_back(differing_.front());
    if (std::exchange(missed_, 0) == 0) brought_.set(differing_.front());
    differing_.pop_front();
    position_ = 0;
  }
  if (differing_.empty()) {
    waiting_ = Waiting::kNothing;
    return {Action::Kind::kDone, {}, 0, 0, {}, {}};
  }
  waiting_ = Waiting::kScan;
  return {Action::Kind::kList, {}, differing_.front(), position_, {}, {}};
}

Exchange::Action Exchange::start(const VersionIndex& index) {
  STARLING_ASSERT(waiting_ == Waiting::kNothing && figures_.messages == 0);
  for (const uint16_t partition : index.in_doubt(included_)) included_[partition] = false;
  return send(encode_sums({epoch_, urgent_, included_, index.group_sums(included_)}), Waiting::kSums);
}

Exchange::Action Exchange::receive(std::string_view payload, const VersionIndex& index) {
  if (waiting_ != Waiting::kSums && waiting_ != Waiting::kAnswer) return fail("an answer to nothing");
  ++figures_.messages;
  figures_.bytes += payload.size();
  MessageReader reader(payload);
  ReplyResult result;
  if (!reader.read_result(&result)) return fail("a malformed answer");
  if (result == ReplyResult::kOk) {
    const std::string_view detail = payload.substr(1);
    return waiting_ == Waiting::kSums ? take_sums(detail, index) : take_list(detail);
  }
  std::string_view text;
  if (result == ReplyResult::kStaleEpoch) return fail("the topologies are not the same yet");
  if (result == ReplyResult::kGap || !reader.read_string(&text)) return fail("a malformed answer");
  return fail(std::string(text.substr(0, 200)));
}

Exchange::Action Exchange::take_sums(std::string_view detail, const VersionIndex& index) {
  SumsReply reply;
  if (!decode_sums_reply(detail, &reply)) return fail("a malformed answer");
  for (const uint16_t partition : reply.in_doubt) included_[partition] = false;
  equal_ = included_;
  for (const auto& [group, theirs] : reply.groups) {
    const PartitionSums mine = index.partition_sums(group, included_);
    for (uint32_t i = 0; i < kGroupPartitions; ++i) {
      const uint32_t partition = group * kGroupPartitions + i;
      if (!included_[partition] || mine[i] == theirs[i]) continue;
      equal_[partition] = false;
      if (urgent_ || !index.restless(static_cast<uint16_t>(partition)))
        differing_.push_back(static_cast<uint16_t>(partition));
    }
  }
  figures_.partitions = differing_.size();
  position_ = 0;
  return proceed();
}

Exchange::Action Exchange::listed(std::vector<VersionEntry> entries, Position until, engine::Stamp settled) {
  if (waiting_ != Waiting::kScan) return fail("a list that nobody asked for");
  until_ = fit_list(&entries, until);
  STARLING_ASSERT(until_ > position_);
  return send(encode_list({epoch_, differing_.front(), position_, until_, std::move(entries), settled}),
              Waiting::kAnswer);
}

Exchange::Action Exchange::take_list(std::string_view detail) {
  ListReply reply;
  if (!decode_list_reply(detail, &reply)) return fail("a malformed answer");
  if (reply.reached <= position_ || reply.reached > until_) return fail("an answer about another stretch");
  for (const auto& [database, key] : reply.wanted) {
    if (engine::partition_of(key) != differing_.front()) return fail("an answer about another partition");
  }
  figures_.differences += reply.differences;
  founded_ |= reply.differences != 0;
  figures_.failed += reply.failed;
  missed_ += reply.failed;
  position_ = reply.reached;
  if (reply.wanted.empty()) return proceed();
  waiting_ = Waiting::kPush;
  return {Action::Kind::kPush, {}, differing_.front(), 0, std::move(reply.wanted), {}};
}

Exchange::Action Exchange::pushed(uint64_t failed) {
  if (waiting_ != Waiting::kPush) return fail("nothing was to be pushed");
  figures_.failed += failed;
  return proceed();
}

SumsReply answer_sums(const SumsRequest& request, const VersionIndex& index) {
  SumsReply reply;
  reply.in_doubt = index.in_doubt(request.included);
  const GroupSums mine = index.group_sums(request.included);
  for (uint32_t group = 0; group < kGroupCount; ++group) {
    if (mine[group] == request.sums[group]) continue;
    reply.groups.emplace_back(static_cast<uint8_t>(group), index.partition_sums(group, request.included));
  }
  return reply;
}

bool compare_lists(const std::vector<VersionEntry>& theirs, engine::Stamp their_settled,
                   const std::vector<VersionEntry>& mine, engine::Stamp my_settled, Comparison* result) {
  *result = {};
  const auto note = [&](const engine::VersionVector& my_context, const engine::VersionVector& their_context,
                        int database, std::string_view key) {
    using engine::Order;
    const Order order = engine::compare_known({my_context, my_settled}, {their_context, their_settled});
    if (order == Order::kEqual) return;
    ++result->differences;
    if (order != Order::kAfter) result->wanted.emplace_back(database, key);
    if (order != Order::kBefore) result->push.emplace_back(database, key);
  };
  std::map<std::pair<int, std::string_view>, const std::string*> here;
  for (const VersionEntry& entry : mine) here[{entry.database, entry.key}] = &entry.context;
  for (const VersionEntry& entry : theirs) {
    engine::VersionVector their_context, my_context;
    if (!decode(entry.context, &their_context)) return false;
    const auto found = here.find({entry.database, entry.key});
    if (found != here.end()) {
      const std::string& context = *found->second;
      here.erase(found);
      if (context == entry.context) continue;
      STARLING_ASSERT(decode(context, &my_context));
    }
    note(my_context, their_context, entry.database, entry.key);
  }
  for (const auto& [name, context] : here) {
    engine::VersionVector my_context;
    STARLING_ASSERT(decode(*context, &my_context));
    note(my_context, {}, name.first, name.second);
  }
  return true;
}

Position fit_list(std::vector<VersionEntry>* entries, Position until) {
  const auto before = [](const VersionEntry& a, const VersionEntry& b) {
    return a.position() < b.position();
  };
  std::stable_sort(entries->begin(), entries->end(), before);
  size_t bytes = 0, kept = 0;
  for (; kept < entries->size(); ++kept) {
    const VersionEntry& entry = (*entries)[kept];
    const Position position = entry.position();
    if (position >= until) break;
    bytes += entry.key.size() + entry.context.size() + 8;
    // What shares a position is never parted.
    const bool may_end = kept > 0 && (*entries)[kept - 1].position() != position;
    if (may_end && (bytes > kMaxListBytes || kept >= kMaxListEntries / 2)) {
      until = position;
      break;
    }
  }
  entries->erase(entries->begin() + static_cast<std::ptrdiff_t>(kept), entries->end());
  return until;
}

}  // namespace starling::cluster
