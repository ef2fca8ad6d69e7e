// One thing that a tracking client is told: these keys are not as it knows them any more, or none of all keys is.
//
//   RESP3    push "invalidate" keys
//   RESP2    message "__redis__:invalidate" keys       to a client that others redirect to
//   keys     := array of names | null: all
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resp/reply_writer.h"

namespace starling::server {

inline constexpr std::string_view kInvalidationChannel = "__redis__:invalidate";

struct Invalidation {
  bool broadcast = false;         // By a prefix: for those who asked for BCAST, and nobody else.
  std::vector<std::string> keys;  // Empty: all, for everybody.
};

inline void write_invalidation(const Invalidation& invalidation, bool as_message, resp::ReplyWriter& reply) {
  if (as_message) {
    reply.push(3);
    reply.bulk("message");
    reply.bulk(kInvalidationChannel);
  } else {
    reply.push(2);
    reply.bulk("invalidate");
  }
  if (invalidation.keys.empty()) return reply.null();
  reply.array(invalidation.keys.size());
  for (const std::string& key : invalidation.keys) reply.bulk(key);
}

}  // namespace starling::server
