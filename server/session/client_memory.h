// What all clients together make the server hold, and who goes when that is too much: the clients that hold most
// ('maxmemory-clients'), and likewise among those that have not authenticated. Only those count that may be closed
// (Client::evictable): nobody has to go for what others hold that stay.
//
// Nobody else is made to wait: a client that writes all its requests before it reads a reply needs that the
// server goes on reading, whatever has to be kept meanwhile.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "server/process/limited_log.h"

namespace starling::server {

class IoThread;
class Server;

// Held together by clients that have not authenticated. Far more than all of them need who mean well.
inline constexpr uint64_t kUnauthenticatedClientBytes = 64 << 20;

class ClientMemory {
 public:
  explicit ClientMemory(Server& server) : server_(server) {}

  // Bytes that all clients may hold together.
  uint64_t limit() const;
  // Closes those that hold most, soon, if together they hold too much. On `asking`'s thread: when its clients
  // hold notably more than when it last asked, and from time to time, as limits change.
  void check(IoThread& asking);

  // Some are being closed for it: a loop that goes on for long now would make it worse.
  bool shedding() const { return shedding_.load(std::memory_order_relaxed); }

  std::atomic<uint64_t> evicted_clients{0};

 private:
  struct Candidate {
    uint64_t bytes;
    IoThread* io_thread;
    uint64_t client_id;
  };
  struct Search {
    std::mutex mutex;
    std::vector<Candidate> largest;  // At most kCandidates of each loop.
  };

  void shed(IoThread& asking, bool strangers, uint64_t excess);
  static void collect(IoThread& io_thread, bool strangers, Search& search);
  void close_largest(Search& search, bool strangers, uint64_t excess);
  void close(IoThread& io_thread, uint64_t client_id, bool strangers);

  Server& server_;
  std::atomic<bool> shedding_{false};
  LimitedLog log_;
};

}  // namespace starling::server
