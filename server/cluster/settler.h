// Settles partitions, so that tombstones can go (cluster/README.md, "Tombstones"): asks all members on behalf
// of a round of Repair, answers theirs, and removes what has become ripe, on the engine's disk threads, a
// step at a time.
//
// The first loop's thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/repair/restless_settlement.h"
#include "cluster/repair/settlement.h"
#include "engine/core/engine.h"
#include "server/cluster/version_sums.h"
#include "server/net/event_loop.h"

namespace starling::server {

class ClusterThread;
class Server;

struct SettleReport {
  uint64_t rounds = 0;      // In which all members answered.
  uint64_t partitions = 0;  // That this node settled, counted each time, since the start.
  uint64_t reaped = 0;      // Records that went.
  std::string outcome;      // Of the last round: "ok", or why it ended.
};

class Settler {
 public:
  struct Hooks {
    std::function<std::shared_ptr<const cluster::Placement>()> placement;
    std::function<bool(const cluster::NodeId&)> reachable;
    // Of all loops: begins a mark; then `done` on this thread, once each of them has.
    std::function<void(uint64_t number, std::function<void()> done)> mark;
    // The partitions of which this node owed something at that mark or since, or keeps hints.
    std::function<void(uint64_t number, std::function<void(cluster::PartitionSet)> done)> busy;
    // All replicas of these were found equal since this node was last asked whether it is busy.
    std::function<void(const cluster::PartitionSet& equal)> compared;
  };

  Settler(Server& server, ClusterThread& thread, VersionSums& sums, Hooks hooks);

  // Asks all members. `done`, perhaps before this returns: the time to compare has come; or nothing will be
  // settled in this round.
  void begin(bool urgent, std::function<void()> done);
  // The sums of these partitions were the same at the peer.
  void compared(const cluster::NodeId& peer, const cluster::PartitionSet& equal);
  // All peers were compared, or could not be.
  void conclude();
  // Something is being removed still.
  bool busy() const { return reaping_ || !to_reap_.empty(); }

  // A frame of a kind in settle_messages.h; its epoch is this node's.
  void question(const cluster::NodeId& peer, uint64_t correlation, std::string_view payload,
                cluster::TreeKind kind);
  // True: the answer was to one of this node's questions.
  bool answered(const cluster::NodeId& peer, uint64_t correlation, std::string_view payload);
  void on_connected(const cluster::NodeId& peer);
  void on_tick();

  const SettleReport& report() const { return report_; }

 private:
  struct Reaping;
  using Reply = std::function<void(const std::string&)>;

  void send(const std::vector<cluster::Settlement::Message>& messages);
  void send_restless(const std::vector<cluster::Settlement::Message>& messages);
  void ask_restless();
  void take(cluster::NodeIndex from, std::string_view payload);
  void end(const std::string& outcome);
  void answer(std::string_view payload, cluster::TreeKind kind, cluster::NodeIndex from, Reply reply);
  void answer_mark(Reply reply);
  uint64_t adopt(const cluster::AdoptRequest& request, cluster::NodeIndex leader);
  std::string same(const cluster::SameRequest& request);
  uint64_t adopt_proven(const cluster::ProvenRequest& request, cluster::NodeIndex leader);
  bool may_settle(uint16_t partition, cluster::NodeIndex leader) const;
  void note_adopted(uint64_t partitions);
  void reap();

  Server& server_;
  ClusterThread& thread_;
  VersionSums& sums_;
  const Hooks hooks_;
  const uint64_t boot_;
  uint64_t next_mark_ = 1;

  // The round under way.
  std::optional<cluster::Settlement> settlement_;
  std::function<void()> ready_;
  int64_t deadline_us_ = 0;
  uint64_t correlation_ = 0;
  bool urgent_ = false;

  std::optional<cluster::RestlessSettlement> restless_;

  // Marks whose stamps are not durable yet.
  struct Promise {
    engine::LogPosition position;
    int64_t deadline_us;  // Then nobody waits for it any more.
    std::function<void()> done;
  };
  std::deque<Promise> promises_;

  std::deque<uint16_t> to_reap_;
  bool reaping_ = false;
  Timer pause_;
  SettleReport report_;
};

}  // namespace starling::server
