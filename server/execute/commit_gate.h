// Keeps replies from saying more than the commit log does. One for each loop.
//
// appendfsync everysec|no: at the end of a pass everything that it changed is written to the log, once; only
// then do its replies leave. When that fails they are replaced by errors. appendfsync always: replies stay in
// the output until the log's durable position has passed them; the gate asks for that sync itself, so no
// reply waits for somebody else to write. The reply of a write that cannot be made durable (the log cannot be
// written, or not in time) is replaced by an error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "engine/core/engine.h"
#include "server/session/client_replies.h"

namespace starling::server {

class CommitGate {
 public:
  // For how long a reply waits for the log where nothing says otherwise.
  static constexpr int64_t kPatienceMs = 10'000;

  CommitGate(engine::Engine& engine, const engine::Clock& clock) : engine_(engine), clock_(clock) {}

  // What follows is said of what the client's output holds from `from` on. `patience_ms`: for how long it may
  // wait. An answer to a change that the log has at `position`.
  void note_write(ClientReplies& client, uint64_t from, engine::LogPosition position,
                  int64_t patience_ms = kPatienceMs);
  // The same of a reply that other nodes had a say in until now: they let it go. Messages may stand behind it.
  void note_agreed_write(ClientReplies& client, uint64_t held_id, engine::LogPosition position,
                         int64_t patience_ms = kPatienceMs);
  // An answer given after looking at data.
  void note_read(ClientReplies& client, uint64_t from, int64_t patience_ms = kPatienceMs) {
    if (always_) [[unlikely]]
      hold(client, to_end(client, from), engine_.last_position(), LogHolds::Kind::kRead, patience_ms);
  }
  // A message that may speak of a change. One that cannot be made durable is left out.
  void note_message(ClientReplies& client, uint64_t from) {
    if (always_) [[unlikely]]
      hold(client, to_end(client, from), engine_.last_position(), LogHolds::Kind::kMessage, kPatienceMs);
  }
  // Something changed that no reply speaks of (an expiry, for one).
  void note_change() { changed_ = true; }

  // Takes the fsync policy in force for the pass.
  void begin_pass() { always_ = engine_.fsync() == engine::Fsync::kAlways; }
  bool always() const { return always_; }
  // The end of a pass: commits and asks for the sync that somebody waits for, or replaces the replies noted.
  // No client noted in this pass may have been destroyed meanwhile. Not ok: what the log failed with. In the middle of
  // a pass: `apart` is in the middle of a reply, so none of its replies are replaced before the pass ends.
  engine::Status settle(ClientReplies* apart = nullptr);

  // How many bytes of the client's output the log lets go now.
  size_t sendable(ClientReplies& client);
  // Ends what waits in vain. When the log cannot be written, writes give way to errors and the rest leaves as
  // it is; what is overdue gives way to errors.
  void give_up(ClientReplies& client);

  bool pending() const { return changed_ || sync_wanted_ || !noted_.empty(); }

 private:
  using Range = HeldReplies::Range;

  static Range to_end(const ClientReplies& client, uint64_t from) { return {from, client.output.position()}; }
  void note(ClientReplies& client, Range range, engine::LogPosition position, int64_t patience_ms);
  void hold(ClientReplies& client, Range range, engine::LogPosition position, LogHolds::Kind kind,
            int64_t patience_ms);
  static void fail(ClientReplies& client, const LogHolds::Hold& hold, std::string_view why);

  engine::Engine& engine_;
  const engine::Clock& clock_;
  bool changed_ = false;
  bool always_ = false;
  bool sync_wanted_ = false;           // A reply waits for a position that nobody has asked for yet.
  std::vector<ClientReplies*> noted_;  // Have holds that last until the pass is committed.
};

}  // namespace starling::server
