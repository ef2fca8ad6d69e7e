// Who is to be told when a key changes.
#pragma once

#include <cstdint>

namespace starling::server {

struct Tracker {
  uint32_t loop = 0;     // Of this process: whose clients, or whose links to nodes, it is among.
  bool is_link = false;  // Another node, by the link on which it asked; else a client.
  uint64_t id = 0;       // Of the client, or of the link: within that loop, never used again.

  bool operator==(const Tracker&) const = default;
};

}  // namespace starling::server
