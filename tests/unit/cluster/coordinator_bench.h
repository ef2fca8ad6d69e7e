// The network and the caller of one coordinator, as its tests see them.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cluster/data/coordinator.h"
#include "cluster/topology/planner.h"

namespace starling::cluster {

inline NodeId id_of(int number) {
  NodeId id;
  id.bytes[0] = static_cast<uint8_t>(number);
  return id;
}

inline std::shared_ptr<const Placement> placement_of(int nodes, uint32_t replicas, int self) {
  Topology topology;
  topology.epoch = 1;
  topology.cluster_id = 7;
  topology.replicas = replicas;
  for (int i = 1; i <= nodes; ++i) {
    Member member;
    member.id = id_of(i);
    member.host = "h";
    member.port = static_cast<uint16_t>(i);
    member.bus_port = static_cast<uint16_t>(100 + i);
    topology.members.push_back(member);
  }
  topology.owners = plan(topology.members, nullptr, replicas);
  return std::make_shared<const Placement>(topology, id_of(self + 1));
}

// What the coordinator sent, and what it told.
class Bench final : public Wire, public CoordinatorListener {
 public:
  struct Sent {
    NodeIndex node;
    FrameKind kind;
    uint64_t id;
    std::string payload;
  };

  explicit Bench(int nodes = 5, uint32_t replicas = 3, OrderedChanges* order = nullptr)
      : coordinator(*this, *this, order) {
    // Serve as the first replica of partition 0, whoever that is.
    const auto any = placement_of(nodes, replicas, 0);
    placement = placement_of(nodes, replicas, any->replicas(0)[0]);
    coordinator.set_placement(placement);
  }
  bool healthy(NodeIndex node) const override { return !sick.contains(node); }
  bool send(NodeIndex node, FrameKind kind, uint64_t id, std::string_view payload) override {
    if (full.contains(node)) return false;
    sent.push_back({node, kind, id, std::string(payload)});
    return true;
  }
  void write_done(uint64_t token, const Failure* failure) override {
    done[token] = failure ? failure->message() : "ok";
    if (on_done) on_done(token);
  }
  void attempt_done(uint64_t token, AttemptOutcome outcome, const Failure* failure) override {
    static constexpr const char* kNames[] = {"agreed", "refused", "unknown"};
    done[token] = kNames[static_cast<size_t>(outcome)];
    if (failure != nullptr) done[token] += ": " + failure->message();
  }
  void peer_stamp(engine::Stamp stamp) override { peer_stamps.push_back(stamp); }
  void read_done(uint64_t token, const Failure* failure) override { write_done(token, failure); }
  void fetch_done(uint64_t token, const KeyName&, std::string_view record) override { done[token] = record; }
  bool hint(NodeIndex target, std::string_view keys) override {
    if (room_for_hints) hints[target] += static_cast<int>(keys_in(keys).size());
    return room_for_hints;
  }
  void gap(const Gap& gap) override {
    ++gaps;
    gap_keys.emplace_back(gap.key.key);
    seen = gap.seen;
    listed = gap.listed;
    repair = gap.repair;
    if (mends) mend(gap.key.key);
  }
  void mend(std::string_view key, std::string_view context = "context") {
    std::string change;
    append_change({0, ChangeForm::kDifference, key, "difference"}, &change);
    coordinator.mend(repair, change, context);
  }

  void overruled(std::span<const uint64_t> tokens, std::string_view changes, engine::Stamp stamp,
                 const QuorumOptions&, int64_t began_us) override {
    hidden.push_back({{tokens.begin(), tokens.end()}, {}, stamp, began_us});
    const std::string names = keys_of(changes);
    for (const KeyName& name : keys_in(names)) hidden.back().keys.emplace_back(name.key);
  }

  void newer_epoch(NodeIndex peer) override { newer_at.push_back(peer); }

  NodeIndex replica(size_t i) const { return placement->replicas(0)[i]; }
  void write(QuorumOptions options = {}, uint64_t token = 1) {
    std::string changes;
    append_change({0, ChangeForm::kRecord, "k", "record"}, &changes);
    coordinator.begin_write(0, changes, options, 0, 0, token);
  }
  void read(QuorumOptions options = {}, uint64_t token = 1) {
    std::string keys;
    append_key({0, "k"}, &keys);
    coordinator.begin_read(0, keys, options, 0, token);
  }
  // Writes "k<i>" of partition 0 as a part of a batch; false: none can be had.
  bool join(int i, QuorumOptions options = {}, uint16_t partition = 0) {
    const uint64_t batch = coordinator.batch_for(partition, options, 0);
    if (batch == 0) return false;
    std::string changes;
    append_change({0, ChangeForm::kRecord, "k" + std::to_string(i), "record"}, &changes);
    coordinator.join(batch, partition, static_cast<uint64_t>(i)) += changes;
    return true;
  }
  // Another partition with the same replicas, in another order if there is one.
  uint16_t sibling_partition() const {
    uint16_t found = 0;
    for (uint32_t partition = 1; partition < engine::kPartitionCount; ++partition) {
      const auto number = static_cast<uint16_t>(partition);
      if (coordinator.set_of(number) != coordinator.set_of(0)) continue;
      found = number;
      if (!std::ranges::equal(placement->replicas(number), placement->replicas(0))) break;
    }
    return found;
  }
  void answer(size_t i, const std::string& payload) {
    const Sent message = sent.at(i);
    FrameKind kind = FrameKind::kVersionReply;
    if (message.kind == FrameKind::kWrite) kind = FrameKind::kWriteReply;
    if (message.kind == FrameKind::kHint) kind = FrameKind::kHintReply;
    if (message.kind == FrameKind::kState) kind = FrameKind::kStateReply;
    coordinator.receive(message.node, kind, message.id, payload);
  }
  static std::string version(std::string_view context) {
    std::string reply = begin_reply(ReplyResult::kOk);
    engine::append_string(context, &reply);
    return reply;
  }

  std::shared_ptr<const Placement> placement;
  std::set<NodeIndex> sick, full;
  std::vector<Sent> sent;
  std::map<uint64_t, std::string> done;
  std::vector<NodeIndex> newer_at;
  std::map<NodeIndex, int> hints;
  bool room_for_hints = true;
  int gaps = 0;
  std::vector<std::string> gap_keys;
  struct Hidden {
    std::vector<uint64_t> tokens;
    std::vector<std::string> keys;
    engine::Stamp stamp;
    int64_t began_us;
  };
  std::vector<Hidden> hidden;
  std::vector<engine::Stamp> peer_stamps;
  std::string seen, listed;  // Of the last gap.
  uint64_t repair = 0;
  bool mends = true;  // At once.
  std::function<void(uint64_t token)> on_done;
  Coordinator coordinator;
};

// The changes of these numbers did not fit.
inline std::string gap_reply(std::initializer_list<uint64_t> numbers, std::string_view seen = "seen",
                             std::string_view listed = {}) {
  std::string reply = begin_reply(ReplyResult::kGap);
  for (const uint64_t number : numbers) append_gap({number, seen, listed}, &reply);
  return reply;
}

inline const std::string kStored = begin_reply(ReplyResult::kOk);

}  // namespace starling::cluster
