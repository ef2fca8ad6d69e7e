#include "server/commit_gate.h"

namespace starling::server {

void CommitGate::note_write(Client& client, uint64_t from, engine::LogPosition position) {
  changed_ = true;
  if (always_) {
    hold_until(client, from, position);
  } else {
    answers_.push_back({&client, from, client.output.position()});
  }
}

void CommitGate::hold_until(Client& client, uint64_t from, engine::LogPosition position) {
  if (!client.holds.empty() && client.holds.back().pass == pass_) {
    client.holds.back().log_position = position;
  } else if (!engine_.durable(position)) {
    client.holds.push_back({from, position, pass_});
  }
}

engine::Status CommitGate::settle() {
  ++pass_;
  if (!changed_) return {};
  changed_ = false;
  if (always_) {
    engine_.request_sync();
    return {};
  }
  const engine::Status status = engine_.commit();
  if (!status.ok()) {
    const std::string error = "-MISCONF Errors writing to the commit log: " + status.message() +
                              "; the write may still take effect\r\n";
    // From the last to the first: replacing moves what follows.
    for (auto answer = answers_.rbegin(); answer != answers_.rend(); ++answer) {
      if (answer->from == answer->to) continue;
      answer->client->output.replace(answer->from, answer->to, error);
      answer->client->held_replies.moved(
          answer->to, static_cast<int64_t>(error.size()) - static_cast<int64_t>(answer->to - answer->from));
    }
  }
  answers_.clear();
  return status;
}

size_t CommitGate::sendable(Client& client) {
  while (!client.holds.empty() && engine_.durable(client.holds.front().log_position))
    client.holds.pop_front();
  if (client.holds.empty()) return client.output.size();
  return static_cast<size_t>(client.holds.front().output_position - client.output.consumed_position());
}

}  // namespace starling::server
