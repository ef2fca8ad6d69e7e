#include "server/execute/commit_gate.h"

#include <algorithm>

namespace starling::server {
namespace {

std::string misconfigured(const engine::Status& status) {
  return "-MISCONF Errors writing to the commit log: " + status.message();
}

}  // namespace

void CommitGate::note_write(ClientReplies& client, uint64_t from, engine::LogPosition position,
                            int64_t patience_ms) {
  note(client, to_end(client, from), position, patience_ms);
}

void CommitGate::note_agreed_write(ClientReplies& client, uint64_t held_id, engine::LogPosition position,
                                   int64_t patience_ms) {
  const Range range = client.held_replies.range_of(held_id);
  client.held_replies.release(held_id);
  note(client, range, position, patience_ms);
}

void CommitGate::note(ClientReplies& client, Range range, engine::LogPosition position, int64_t patience_ms) {
  changed_ = true;
  if (always_) return hold(client, range, position, LogHolds::Kind::kWrite, patience_ms);
  if (range.from == range.to) return;
  if (noted_.empty() || noted_.back() != &client) noted_.push_back(&client);
  client.log_holds.add({range.from, range.to, LogHolds::kUntilCommit, 0, LogHolds::Kind::kWrite});
}

void CommitGate::hold(ClientReplies& client, Range range, engine::LogPosition position, LogHolds::Kind kind,
                      int64_t patience_ms) {
  if (range.from == range.to || position == 0 || engine_.durable(position)) return;
  client.log_holds.add({range.from, range.to, position, clock_.monotonic_us() + patience_ms * 1000, kind});
  sync_wanted_ = true;
}

engine::Status CommitGate::settle(ClientReplies* apart) {
  if (!pending()) return {};
  // With appendfsync always the sync writes, too; what was noted before that was set is committed all the
  // same.
  const bool commits = changed_ && (!always_ || !noted_.empty());
  if (always_ || sync_wanted_) engine_.request_sync();
  changed_ = sync_wanted_ = false;
  if (!commits) return {};
  engine::Status status = engine_.commit();
  const bool later = !status.ok() && std::find(noted_.begin(), noted_.end(), apart) != noted_.end();
  for (ClientReplies* client : noted_) {
    if (later && client == apart) continue;
    LogHolds& holds = client->log_holds;
    // From the last to the first: replacing moves what follows.
    for (size_t i = status.ok() ? 0 : holds.size(); i > 0; --i) {
      if (holds.at(i - 1).position == LogHolds::kUntilCommit)
        fail(*client, holds.at(i - 1), misconfigured(status));
    }
    holds.forget_committed();
  }
  noted_.clear();
  if (later) {
    noted_.push_back(apart);
    changed_ = true;
  }
  return status;
}

// The hold gives way to the error, or to nothing if nobody asked.
void CommitGate::fail(ClientReplies& client, const LogHolds::Hold& hold, std::string_view why) {
  std::string text;
  if (hold.kind != LogHolds::Kind::kMessage) {
    text = why;
    text += hold.kind == LogHolds::Kind::kWrite ? "; the write may still take effect\r\n"
                                                : "; what was read may not be durable\r\n";
  }
  client.replace(hold.from, hold.to, text);
}

size_t CommitGate::sendable(ClientReplies& client) {
  LogHolds& holds = client.log_holds;
  while (!holds.empty() && engine_.durable(holds.front().position)) holds.pop_front();
  if (holds.empty()) return client.output.size();
  return static_cast<size_t>(holds.front().from - client.output.consumed_position());
}

void CommitGate::give_up(ClientReplies& client) {
  LogHolds& holds = client.log_holds;
  if (holds.empty() || engine_.durable(holds.front().position)) return;
  // A log that has room again writes everything: then the sync that runs in any case lets the replies go.
  const engine::Status status = engine_.writable() ? engine::Status() : engine_.commit();
  const int64_t now_us = clock_.monotonic_us();
  // What is behind the first waits with it in any case.
  if (status.ok() && holds.front().deadline_us > now_us) return;
  // From the last to the first: replacing moves what follows.
  for (size_t i = holds.size(); i > 0; --i) {
    const LogHolds::Hold hold = holds.at(i - 1);
    if (engine_.durable(hold.position)) continue;
    if (!status.ok() && hold.kind == LogHolds::Kind::kWrite) {
      fail(client, hold, misconfigured(status));
    } else if (!status.ok()) {
      // What it shows beyond what is durable are writes that were answered so: a full disk can be read.
      holds.erase(i - 1);
    } else if (hold.deadline_us <= now_us) {
      fail(client, hold, "-MISCONF The commit log was not made durable in time");
    }
  }
}

}  // namespace starling::server
