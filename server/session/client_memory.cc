#include "server/session/client_memory.h"

#include <algorithm>

#include "server/io_thread.h"
#include "server/process/machine_memory.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server {
namespace {

// Closed in one go, of each loop. If more have to go, the next check finds them.
constexpr size_t kCandidates = 64;
// maxmemory-clients 0: of the memory there is, beside the larger part that `maxmemory auto` takes.
constexpr uint64_t kShareOfAll = 4;

}  // namespace

uint64_t ClientMemory::limit() const {
  const Settings& settings = server_.settings();
  const int64_t given = settings.max_client_memory;
  if (given > 0) return static_cast<uint64_t>(given);
  const auto max_memory = static_cast<uint64_t>(settings.max_memory_bytes.get());
  // Negative: per cent of maxmemory, if there is one.
  if (given < 0 && max_memory != 0) return max_memory / 100 * static_cast<uint64_t>(-given);
  static const auto available = static_cast<uint64_t>(memory_available());
  return available / kShareOfAll;
}

void ClientMemory::check(IoThread& asking) {
  uint64_t evictable = 0, strangers = 0;
  for (const auto& io_thread : server_.io_threads()) {
    evictable += io_thread->statistics().evictable_bytes.get();
    strangers += io_thread->statistics().stranger_bytes.get();
  }
  const uint64_t most = limit();
  if (strangers > kUnauthenticatedClientBytes) {
    shed(asking, true, strangers - kUnauthenticatedClientBytes);
  } else if (evictable > most) {
    shed(asking, false, evictable - most);
  }
}

void ClientMemory::shed(IoThread& asking, bool strangers, uint64_t excess) {
  if (shedding_.exchange(true)) return;
  const auto search = std::make_shared<Search>();
  server_.on_every_loop(
      asking, [search, strangers](IoThread& io_thread) { collect(io_thread, strangers, *search); },
      [this, search, strangers, excess] { close_largest(*search, strangers, excess); });
}

void ClientMemory::collect(IoThread& io_thread, bool strangers, Search& search) {
  std::vector<Candidate> found;
  io_thread.for_each_client([&](Client& client) {
    if (!client.evictable() || (strangers && client.authenticated)) return;
    found.push_back({client.accounted_bytes, &io_thread, client.id()});
  });
  const auto more = [](const Candidate& a, const Candidate& b) { return a.bytes > b.bytes; };
  const size_t kept = std::min(found.size(), kCandidates);
  std::partial_sort(found.begin(), found.begin() + static_cast<ptrdiff_t>(kept), found.end(), more);
  found.resize(kept);
  std::lock_guard lock(search.mutex);
  search.largest.insert(search.largest.end(), found.begin(), found.end());
}

void ClientMemory::close_largest(Search& search, bool strangers, uint64_t excess) {
  std::sort(search.largest.begin(), search.largest.end(),
            [](const Candidate& a, const Candidate& b) { return a.bytes > b.bytes; });
  uint64_t freed = 0;
  size_t chosen = 0;
  while (chosen < search.largest.size() && freed < excess) freed += search.largest[chosen++].bytes;
  if (chosen == 0) return shedding_.store(false);
  // Nobody else is chosen before what these hold is given back, at the end of their loops' passes.
  const auto left = std::make_shared<std::atomic<size_t>>(chosen);
  for (size_t i = 0; i < chosen; ++i) {
    IoThread* const io_thread = search.largest[i].io_thread;
    io_thread->loop().post([this, io_thread, id = search.largest[i].client_id, strangers, left] {
      close(*io_thread, id, strangers);
      io_thread->loop().post([this, left] {
        if (left->fetch_sub(1) == 1) shedding_.store(false);
      });
    });
  }
}

void ClientMemory::close(IoThread& io_thread, uint64_t client_id, bool strangers) {
  Client* client = io_thread.find_client(client_id);
  if (client == nullptr || client->closing || !client->evictable() || (strangers && client->authenticated))
    return;
  const std::string why = strangers
                              ? "Closing the client that holds most of those that have not authenticated, "
                                "as together they hold too much: "
                              : "Closing the client that holds most, as all clients together exceed "
                                "maxmemory-clients: ";
  log_.warn(io_thread.now_ms(), why + client->describe(io_thread.now_ms()));
  evicted_clients.fetch_add(1, std::memory_order_relaxed);
  io_thread.close(*client);
}

}  // namespace starling::server
