// Client-side caching: who tracks what in this process, and that they are told (../tracking/README.md).
//
// Changes come from any thread, with the key's stripe held, and go to the loops of those who track it: see
// invalidations.h.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/operation.h"
#include "server/session/watch_table.h"
#include "server/settings.h"
#include "server/tracking/client_tracking.h"
#include "server/tracking/prefix_table.h"
#include "server/tracking/tracking_table.h"

namespace starling::server {

class Client;
class Server;
class TrackedRead;

class Tracking {
 public:
  explicit Tracking(Server& server) : server_(server) {}

  // --- On the client's loop.
  // Precondition: tracking_refusal() is empty. `redirect_loop`: of the client that is told in its place.
  void enable(Client& client, const TrackingOptions& options, size_t redirect_loop);
  void disable(Client& client);
  // Of a client of another node: whether what its next command reads is to be remembered.
  void follow(Client& client, bool remembers);
  // A command of the client has read the key, whose stripe is held still.
  void remember(Client& client, std::string_view key);

  // It is to be told of the key, as if that had changed since: it may have, unheard.
  void doubt(Client& client, std::string_view key);

  // --- Any thread.
  // A node that is linked with the loop is to be told of the next change of the key, or of all with the prefix.
  void remember_for_link(uint32_t loop, uint64_t link, std::string_view key);
  void add_prefix(std::string_view prefix, const Tracker& tracker) { prefixes_.add(prefix, tracker); }
  void remove_prefix(std::string_view prefix, const Tracker& tracker) { prefixes_.remove(prefix, tracker); }
  // The key has changed, expired, or been evicted.
  void changed(std::string_view key) {
    if (table_.keys() != 0 || prefixes_.size() != 0) [[unlikely]]
      tell_changed(key);
  }
  // Another node says so: of keys that were read here. Nobody is told of it by prefix.
  void changed_elsewhere(std::string_view key);
  // Other nodes may have said that of any key, unheard: no read under way can be sure of its.
  void overtake_reads() { reads_.flushed(0); }
  // All keys of a database are gone, or others.
  void flushed();

  const PrefixTable& prefixes() const { return prefixes_; }
  size_t clients() const { return clients_.load(std::memory_order_relaxed); }
  size_t keys() const { return table_.keys(); }
  size_t items() const { return table_.items(); }

  // While one exists on a thread, what changes there is changed by that client.
  class Changing {
   public:
    explicit Changing(const Client& client);
    ~Changing();
    Changing(const Changing&) = delete;
    Changing& operator=(const Changing&) = delete;
  };

 private:
  friend class TrackedRead;
  void tell_changed(std::string_view key);
  void tell(const Tracker& tracker, std::string_view key);
  void keep_bound();

  Server& server_;
  std::atomic<size_t> clients_{0};  // With a socket.
  TrackingTable table_;
  PrefixTable prefixes_;
  WatchTable reads_;  // By key, of whatever database.
};

// A read under way in a cluster, for a client that tracks its keys: other replicas, which are asked for their versions,
// tell of what changes there from then on, perhaps before the command has run here.
class TrackedRead {
 public:
  TrackedRead(Tracking& tracking, std::span<const engine::KeyRef> keys);
  ~TrackedRead();
  TrackedRead(const TrackedRead&) = delete;
  TrackedRead& operator=(const TrackedRead&) = delete;

  // One of them has told so, or cannot be relied on to tell.
  bool overtaken() const { return state_->dirty.load(std::memory_order_relaxed); }
  void give_up() { state_->dirty.store(true, std::memory_order_relaxed); }

 private:
  Tracking& tracking_;
  const std::shared_ptr<WatchState> state_ = std::make_shared<WatchState>();
  std::vector<std::string> keys_;
};

}  // namespace starling::server
