// The right to answer one client that waits, from any thread, once.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/log/commit_log.h"
#include "resp/reply_writer.h"

namespace starling::server {

class IoThread;

class PendingReply {
 public:
  using Completion = std::function<void(resp::ReplyWriter&)>;

  PendingReply(IoThread& io_thread, uint64_t client_id, uint64_t wait_number)
      : io_thread_(&io_thread), client_id_(client_id), wait_number_(wait_number) {}

  // Has `write` write the reply on the client's loop, then lets the client go on. Nothing happens when the
  // client is gone or its wait ended otherwise. `position`: what must be in the log first, 0 when nothing was
  // changed.
  void complete(Completion write, engine::LogPosition position = 0) const;

  uint64_t client_id() const { return client_id_; }

 private:
  IoThread* io_thread_;
  uint64_t client_id_;
  uint64_t wait_number_;
};

}  // namespace starling::server
