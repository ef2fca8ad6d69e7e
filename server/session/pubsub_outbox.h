// Published messages on their way to clients of one loop.
//
// A message may come while a command's reply is half written, so it is kept until that command has ended. The
// client that caused it then finds it before its reply, as with Redis 7.0; inside EXEC, before EXEC's.
//
// Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "resp/reply_writer.h"

namespace starling::server {

class Client;
class IoThread;

enum class ChannelKind : uint8_t { kChannel = 0, kPattern = 1, kShard = 2 };
inline constexpr size_t kChannelKinds = 3;

// One message as its receivers see it. The pattern is empty but for subscribers by pattern.
struct PubSubMessage {
  ChannelKind kind;
  std::string pattern;
  std::string channel;
  std::string text;
};

// What PUBLISH or SPUBLISH sends.
struct Publication {
  std::string channel;
  std::string text;
  bool to_shard;
};

class PubSubOutbox {
 public:
  explicit PubSubOutbox(IoThread& io_thread) : io_thread_(io_thread) {}

  void add(uint64_t client_id, std::shared_ptr<const PubSubMessage> message) {
    waiting_.push_back({client_id, std::move(message)});
  }
  bool empty() const { return waiting_.empty(); }

  // Between commands: writes what waits to its receivers, those that have not unsubscribed meanwhile.
  void deliver() { write_all(nullptr, nullptr); }
  // After a command of `client`: its own messages go into its output at `at`, where the command's reply begins (or
  // ends, if the command subscribed to them). Returns whether there were any.
  bool deliver(Client& client, uint64_t at);
  // The same for a reply that has been held since (HeldReplies): in front of it, or behind.
  void deliver_to_held(Client& client, uint64_t held_id, bool behind);

 private:
  struct Waiting {
    uint64_t client_id;
    std::shared_ptr<const PubSubMessage> message;
  };
  // Those to `apart` go to `own`.
  void write_all(const Client* apart, resp::OutputBuffer* own);

  IoThread& io_thread_;
  std::vector<Waiting> waiting_;
};

}  // namespace starling::server
