// Keeps replies of writes from saying more than the commit log does. One for each loop.
//
// appendfsync everysec|no: at the end of a pass everything that it changed is written to the log, once; only
// then do its replies leave. When that fails they are replaced by errors. appendfsync always: replies stay in
// the output buffer until the log's durable position has passed them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "server/client.h"

namespace starling::server {

class CommitGate {
 public:
  explicit CommitGate(engine::Engine& engine) : engine_(engine) {}

  // `client` was answered with what its output holds from `from` on, for a change that the log has at
  // `position`.
  void note_write(Client& client, uint64_t from, engine::LogPosition position);
  // `client` was answered with what its output holds from `from` on, after looking at data.
  void note_read(Client& client, uint64_t from) {
    if (always_) [[unlikely]]
      hold_until(client, from, engine_.last_position());
  }
  // Something changed that no reply speaks of (an expiry, for one).
  void note_change() { changed_ = true; }

  // Takes the fsync policy in force for the pass.
  void begin_pass() { always_ = engine_.fsync() == engine::Fsync::kAlways; }
  // The end of a pass: commits, or replaces the replies noted. No client noted may have been destroyed
  // meanwhile.
  // Not ok: what the log failed with.
  engine::Status settle();

  // How many bytes of the client's output may leave now.
  size_t sendable(Client& client);

  bool pending() const { return changed_; }

 private:
  void hold_until(Client& client, uint64_t from, engine::LogPosition position);
  struct Answer {
    Client* client;
    uint64_t from, to;
  };

  engine::Engine& engine_;
  bool changed_ = false;
  bool always_ = false;
  uint64_t pass_ = 1;
  std::vector<Answer> answers_;
};

}  // namespace starling::server
