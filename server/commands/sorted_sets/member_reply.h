// Members of a sorted set in replies, alone or with their scores: those beside them in RESP2, in pairs in RESP3.
#pragma once

#include <cstddef>

#include "engine/types/sorted_set/sorted_set.h"
#include "resp/reply_writer.h"

namespace starling::server::sorted_sets {

// Before `count` calls of the other.
inline void begin_members(resp::ReplyWriter& reply, size_t count, bool with_scores) {
  reply.array(with_scores && reply.protocol() < 3 ? count * 2 : count);
}

inline void reply_member(resp::ReplyWriter& reply, const engine::ScoredMember& member, bool with_scores) {
  if (with_scores && reply.protocol() >= 3) reply.array(2);
  reply.bulk(member.member);
  if (with_scores) reply.real(member.score);
}

}  // namespace starling::server::sorted_sets
