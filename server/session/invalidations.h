// What clients and nodes of one loop are to be told of keys that they track.
//
// It waits here until the command that runs has ended, so that it never comes before the reply that it is about: a key
// is remembered while the command that reads it runs, and what is told of it goes behind the reply. A client whose
// command works elsewhere (Waiting::kForAnswer) is told behind its answer.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "server/tracking/invalidation.h"
#include "server/tracking/tracker.h"

namespace starling::server {

class Client;
class IoThread;

class Invalidations {
 public:
  explicit Invalidations(IoThread& io_thread) : io_thread_(io_thread) {}

  // --- Any thread.
  void add(const Tracker& tracker, std::string_view key);
  // For all who track by the prefix, but for the client `by` if it wants that. A change that another node has told
  // of is not told to nodes.
  enum class Of { kEverybody, kClients };
  void add_broadcast(std::string_view prefix, std::string_view key, uint64_t by, Of of = Of::kEverybody);
  // For all who track anything: nothing is as they know it.
  void add_all();

  // --- The loop's thread.
  // Since it was told last something has come.
  bool fresh() const { return pending_.load(std::memory_order_relaxed); }
  bool pending() const { return pending_.load(std::memory_order_relaxed) || !late_.empty(); }
  // Between commands: what waits is told, but for what goes by prefix.
  void deliver_keys() { deliver(false); }
  // At the end of a round, all of it: so who tracks by prefix is told of many keys at once.
  void deliver() { deliver(true); }
  // From anywhere on the loop's thread: once what runs has ended.
  void tell_later(const Client& client, std::shared_ptr<const Invalidation> invalidation);
  // Tells the client, or who is told in its place.
  void tell(Client& client, const std::shared_ptr<const Invalidation>& invalidation);

 private:
  using Shared = std::shared_ptr<const Invalidation>;
  // How a key was changed last.
  struct Change {
    uint64_t by = 0;    // The client, if that matters.
    bool here = false;  // Once at least by no other node.
  };
  using Keys = absl::btree_map<std::string, Change>;
  struct Changed {
    Tracker tracker;
    std::string key;
  };

  void note_pending();
  void deliver(bool by_prefix);
  void tell_all();
  void tell_broadcast(std::string_view prefix, const Keys& keys);
  void tell_redirected(Client& client, const Shared& invalidation);
  void write(Client& client, const Invalidation& invalidation, bool as_message);
  void deliver_late();
  static void deliver_to(IoThread& io_thread, uint64_t target, size_t source_loop, uint64_t source,
                         const Shared& invalidation);
  void note_broken(uint64_t client_id, uint64_t target);

  IoThread& io_thread_;
  std::atomic<bool> pending_{false};
  std::mutex mutex_;  // Guards the next three.
  std::vector<Changed> waiting_;
  absl::btree_map<std::string, Keys> broadcasts_;  // By prefix.
  bool all_ = false;
  std::vector<std::pair<uint64_t, Shared>> late_;  // By client: behind its answer.
};

}  // namespace starling::server
