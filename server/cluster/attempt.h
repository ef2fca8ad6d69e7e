// One command's write that other replicas are asked to agree to. Shared by the request that waits for it and the
// loop's ClusterThread. See cluster/README.md, "Writes that depend on what they read".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/log/commit_log.h"
#include "engine/replica/trial.h"
#include "server/cluster/client_state.h"
#include "server/session/pubsub_outbox.h"

namespace starling::server {

struct Transaction;

struct Attempt {
  enum class State : uint8_t {
    kAsked,    // The replicas have not decided.
    kAgreed,   // It is stored here.
    kRefused,  // It is nowhere: the command runs again.
    kFailed,   // `error` is the reply.
    kPausing,  // It runs again in a moment, so that two that refuse each other do not for ever.
    kOver,     // It runs again.
  };
  State state = State::kAsked;
  uint64_t client_id = 0;
  uint64_t token = 0;  // Of the reply that is held, too.
  uint16_t partition = 0;
  engine::ActorId actor = 0;  // Whose event it is.
  std::vector<engine::Tried> tried;
  engine::LogPosition position = 0;  // kAgreed: what the reply must wait for.
  std::string error;
  int rounds = 0;  // Times that it was refused.
  int pauses = 0;  // Left before it runs again.
  int64_t deadline_us = 0;
  // As they were before it ran.
  std::optional<ClientState> client_state;
  std::unique_ptr<Transaction> transaction;  // Of EXEC.
  bool watched = false;                      // EXEC with watched keys: refused, it answers null.
  std::vector<Publication> publications;     // Of EXEC: sent when it counts.
  bool subscribed = false;  // EXEC made subscriptions: what it publishes comes behind its reply.
};

}  // namespace starling::server
