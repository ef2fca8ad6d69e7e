// What a forwarded request says of the client that it came from. It stands before the request, which is
// otherwise as the client sent it:
//
//   forwarded := "*" count CRLF "$" … "FORWARDED" CRLF "$" … prefix CRLF argument*
//   prefix    := database:u8 protocol:u8 mode:u8 read:level write:level timeout_ms:varint [waited] [user] [scope]
//   mode      := as cluster::QuorumMode | +2: waited follows | +4: its client is told when keys change that it reads
//              | +8: user follows
//   waited    := microseconds:varint     for which its client has waited for the keys of its command (BLPOP)
//   user      := string                  whose rules it follows, unless that is the default user, who may do everything
//   scope     := epoch:varint end:varint reachable:string            as in partition_scope.h
//   level     := level:u8 number:u8             as cluster::Level
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cluster/data/quorum.h"
#include "server/cluster/partition_scope.h"
#include "server/execute/command.h"

namespace starling::server {

struct ForwardPrefix {
  int database = 0;
  int protocol = 2;
  cluster::QuorumOptions quorum;
  std::optional<PartitionScope> scope;  // Of commands over all keys.
  int64_t waited_us = 0;
  bool tracked = false;
  std::string user = {};  // Empty: the default one, who may do everything.
  // Not of the prefix's bytes: its frame's deadline (forward_frame.h). From then on it is not run.
  int64_t deadline_us = 0;

  bool operator==(const ForwardPrefix&) const = default;
};

inline constexpr std::string_view kForwarded = "FORWARDED";
// Arguments that the prefix adds in front.
inline constexpr size_t kForwardedArguments = 2;

std::string encode_forwarded(const ForwardPrefix& prefix, Arguments arguments);
// Of the second argument. False for anything that encode_forwarded() does not write.
[[nodiscard]] bool decode_prefix(std::string_view bytes, ForwardPrefix* prefix);

}  // namespace starling::server
