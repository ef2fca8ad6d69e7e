// What a simulated node sees of the simulation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/data/quorum.h"
#include "cluster/topology/placement.h"
#include "cluster/topology/topology_acceptor.h"
#include "cluster/wire/frame.h"
#include "engine/base/clock.h"
#include "engine/record/version_vector.h"
#include "tests/sim/history.h"

namespace starling::sim {

enum class Action : uint8_t {
  kGet,
  kSet,
  kAppend,
  kDelete,
  kExpire,
  kVclockGet,
  kVclockSet,
  kVclockDelete,
  kMembers,      // SMEMBERS, HGETALL
  kPut,          // SADD, HSET
  kRemove,       // SREM, HDEL
  kAdd,          // INCRBY, HINCRBY
  kSetIfAbsent,  // SET NX
};

// What a client asked for. Never changes once it is sent.
struct ClientOperation {
  uint64_t id = 0;
  size_t client = 0;
  Action action{};
  std::string key;
  std::string value;
  std::vector<std::string> elements;
  int64_t lifetime_ms = 0;  // 0: none
  int64_t increment = 0;
  cluster::QuorumOptions quorum;
  engine::VersionVector context;  // VCLOCK SET and DEL
  Pieces seen;                    // what the client was shown along with it
  int64_t began_us = 0;

  bool reads_first() const { return action != Action::kSet; }
  bool writes() const {
    return action != Action::kGet && action != Action::kVclockGet && action != Action::kMembers;
  }
  // With strict quorums its effect is agreed on, as it depends on what was read.
  bool depends() const {
    return action == Action::kAppend || action == Action::kAdd || action == Action::kDelete ||
           action == Action::kSetIfAbsent;
  }
  bool strict() const { return quorum.mode == cluster::QuorumMode::kStrict; }
  std::string to_string() const;
};

struct Answer {
  std::string error;  // Empty: done.
  engine::VersionVector context;
  Pieces seen;
  std::string value;  // kAdd: the sum. kSetIfAbsent: "1" when it was set.
};

struct Packet {
  cluster::FrameKind kind{};
  uint64_t correlation = 0;
  std::string payload;
  std::shared_ptr<const Answer> answer;  // Of a forward reply.
  size_t loop = 0;                       // Of the asking node: whose link this is.
  bool reply = false;                    // It goes back on the link that the question came by.
};

class World {
 public:
  virtual ~World() = default;
  virtual int64_t now_us() const = 0;
  virtual int64_t wall_us(size_t node) const = 0;
  // What the node waits for the others' clocks at its start, before it goes by its own.
  virtual int64_t clock_patience_us() const = 0;
  // The node runs a command, and takes this for the time.
  virtual void note_time(size_t node, int64_t wall_ms) = 0;
  // The monotonic clock of the node's machine: each began at another time.
  virtual int64_t clock_us(size_t node) const = 0;
  virtual engine::Random& random() = 0;
  // Runs work on the node, as a pass of its loop. It waits while the node is paused, and never runs if the
  // node has crashed by then.
  virtual void later(size_t node, int64_t delay_us, std::function<void()> work) = 0;
  virtual void send(size_t from, size_t to, Packet packet) = 0;
  // Whether a connection could be made; if so, both ends are told.
  virtual bool connect(size_t from, size_t to) = 0;
  // If something that `from` has sent waits for a cut to heal, the connection ends, and it never arrives. True: it has,
  // and `from` knows.
  virtual bool reset_unless_arrived(size_t from, size_t to) = 0;
  // Differs from one process of the node to the next, as handshakes tell it.
  virtual uint64_t life_of(size_t node) const = 0;
  virtual const ClientOperation& operation(uint64_t id) const = 0;
  virtual KeyHistory& history(const std::string& key) = 0;
  virtual void answer(size_t node, uint64_t operation, std::shared_ptr<const Answer> answer) = 0;
  // When the client of the operation was told that it failed; nothing: it was not.
  virtual std::optional<int64_t> failed_us(uint64_t operation) const = 0;
  // P4 holds in this run.
  virtual bool strict_reads_hold() const = 0;
  virtual void judge(Verdict verdict) = 0;
  virtual void count_reaped(uint64_t records) = 0;
  virtual void count_repeated() = 0;
  virtual void count_overruled() = 0;
  virtual void count_refused() = 0;
  virtual void count_unknown() = 0;
  // A replica could not apply a delta of the node.
  virtual void note_gap(size_t node) = 0;
  // A gap was answered, by a difference or with the whole record.
  virtual void count_mended(bool by_difference) = 0;
  virtual void note_deadline(int64_t wall_ms) = 0;
  virtual void note_settled(uint16_t partition, engine::Stamp stamp) = 0;
  // Of changes of the ring. What the node has agreed to is on its disk, whatever becomes of its log.
  virtual void save_topology(size_t node, const cluster::AcceptorState& state) = 0;
  virtual std::shared_ptr<const cluster::Placement> placement_by(const cluster::Topology& topology,
                                                                 size_t node) = 0;
  // The node is no member any more: its process ends, for good.
  virtual void dismiss(size_t node) = 0;
  virtual bool tracing() const = 0;
  virtual void trace(size_t node, const std::string& line) = 0;
};

}  // namespace starling::sim
