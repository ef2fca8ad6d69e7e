// WAIT in a cluster: how many other replicas have what a client wrote last.
//
// They are asked for their versions of the key that its last write was about, again and again while fewer have the
// newest of them than are wanted. So what counts is what they hold now, however it came to them; of a key that others
// write all the time it is what is known, and may be less than there is.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "cluster/data/peer_version.h"
#include "server/session/pending_reply.h"

namespace starling::server {

class Client;
class ClusterThread;
class IoThread;

// Of the nodes, how many have the newest version that any has, beside the one whose it was.
int64_t other_holders(std::span<const cluster::PeerVersion> versions);

// Of one loop, and on its thread.
class ReplicaWaits {
 public:
  ReplicaWaits(ClusterThread& thread, IoThread& io_thread) : thread_(thread), io_thread_(io_thread) {}

  // Answers the client, which waits for it. `timeout_ms` 0: never before there are as many as are wanted.
  void begin(const Client& client, int64_t wanted, int64_t timeout_ms, PendingReply pending);
  bool any() const { return !waits_.empty(); }
  // Every few milliseconds while there are any.
  void tick(int64_t now_us);

 private:
  struct Wait {
    PendingReply pending;
    int database;
    std::string key;  // Empty: it has written nothing, so that every replica has it.
    int64_t wanted;
    int64_t deadline_us;  // 0: none.
    int64_t ask_at_us = 0;
    int64_t pause_us = 0;  // Between two questions.
    int64_t known = 0;
    bool asked = false;  // An answer is to come.
    bool told = false;   // One has come.
  };

  void ask(uint64_t number, Wait& wait);
  void take(uint64_t number, std::span<const cluster::PeerVersion> versions);

  ClusterThread& thread_;
  IoThread& io_thread_;
  absl::flat_hash_map<uint64_t, Wait> waits_;
  uint64_t next_ = 1;
};

}  // namespace starling::server
