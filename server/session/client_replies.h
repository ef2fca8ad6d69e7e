// What one client has been answered, and which of it may not leave yet.
//
//   output        bytes in the order of the requests
//   held_replies  ranges of it that other nodes have a say in
//   log_holds     ranges of it that wait for the commit log
//
// Both kinds of ranges are absolute positions of the output. Bytes are put elsewhere than at its end only by the
// functions below, so that both kinds follow. One thread at a time.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "resp/output_buffer.h"
#include "server/execute/log_holds.h"
#include "server/session/held_replies.h"

namespace starling::server {

struct ClientReplies {
  resp::OutputBuffer output;
  HeldReplies held_replies;
  LogHolds log_holds;

  // Lets what other nodes have a say in go with `bytes` in the place of each reply of it.
  void release_with(uint64_t held_id, std::string_view bytes) {
    const HeldReplies::Replaced done = held_replies.release_with(held_id, bytes, &output);
    log_holds.replaced(done.from, done.to, done.change);
  }
  // Puts `bytes` in the place of one reply, [from, to), which waits for the log no longer.
  void replace(uint64_t from, uint64_t to, std::string_view bytes) {
    const auto change = static_cast<int64_t>(bytes.size()) - static_cast<int64_t>(to - from);
    output.replace(from, to, bytes);
    held_replies.moved(to, change);
    log_holds.replaced(from, to, change);
  }
  // Puts `bytes` in front of a reply that other nodes have a say in, or behind it, as a part of it.
  // Precondition: none of it waits for the log yet.
  void insert_into(uint64_t held_id, bool behind, resp::OutputBuffer&& bytes) {
    const auto [from, to] = held_replies.range_of(held_id);
    const size_t size = bytes.size();
    output.insert(behind ? to : from, std::move(bytes));
    held_replies.grown(held_id, size);
    log_holds.replaced(to, to, static_cast<int64_t>(size));
  }
};

}  // namespace starling::server
