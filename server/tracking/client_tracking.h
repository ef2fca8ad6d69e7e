// What CLIENT TRACKING has made of one connection. Owned by its Client; its loop's thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace starling::server {

// As asked for.
struct TrackingOptions {
  bool broadcast = false;  // BCAST: of all keys with the prefixes, read or not.
  bool opt_in = false;     // Only what is read right behind CLIENT CACHING YES.
  bool opt_out = false;    // All but what is read right behind CLIENT CACHING NO.
  bool no_loop = false;    // Not of what the connection changes itself.
  uint64_t redirect = 0;   // The client that is told in its place; 0: it is told itself.
  std::vector<std::string> prefixes;
};

struct ClientTracking {
  TrackingOptions options;       // The prefixes: all in force, in order.
  size_t redirect_loop = 0;      // Of the client that is told in its place.
  bool caching = false;          // CLIENT CACHING came, for the next command.
  bool redirect_broken = false;  // That client was gone when it was to be told.

  // Whether the keys that its command reads are to be remembered.
  bool remembers() const {
    return !options.broadcast && !(options.opt_in && !caching) && !(options.opt_out && caching);
  }
  size_t memory_bytes() const {
    size_t bytes = sizeof(ClientTracking);
    for (const std::string& prefix : options.prefixes) bytes += 2 * prefix.size() + 160;
    return bytes;
  }
};

// Why a connection may not go on so; empty: it may. `now`: null when it tracks nothing.
std::string tracking_refusal(const ClientTracking* now, const TrackingOptions& wanted);

// What it is then: the prefixes of before stay.
void apply_tracking(const TrackingOptions& wanted, ClientTracking* tracking);

}  // namespace starling::server
