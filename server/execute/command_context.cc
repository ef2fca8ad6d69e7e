// What command handlers may ask of the server: see command.h.
#include "engine/base/assert.h"
#include "server/execute/command.h"
#include "server/execute/key_event.h"
#include "server/io_thread.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/session/pending_reply.h"

namespace starling::server {

void CommandContext::notify(NotifyClass event_class, std::string_view event, std::string_view key) const {
  notify(event_class, event, key, database.index());
}

void CommandContext::notify(NotifyClass event_class, std::string_view event, std::string_view key,
                            int index) const {
  NotificationSink* sink = server.notification_sink();
  if (sink == nullptr || !sink->wants(event_class)) return;
  if (client.untold == nullptr) [[likely]]
    return sink->notify(event_class, event, key, index);
  client.untold->push_back({event_class, std::string(event), std::string(key), index});
}

PendingReply CommandContext::suspend() const {
  STARLING_ASSERT(!in_exec);
  client.wait_for(Waiting::kForAnswer);
  return {client.io_thread(), client.id(), client.wait_number};
}

void CommandContext::offload(std::function<Completion()> work) const {
  offload_change([work = std::move(work)](engine::LogPosition*) { return work(); });
}

void CommandContext::offload_change(std::function<Completion(engine::LogPosition* position)> work) const {
  if (in_exec) {
    engine::LogPosition unused = 0;
    work (&unused)(reply);
    return;
  }
  server.engine().offload([pending = suspend(), work = std::move(work)] {
    engine::LogPosition position = 0;
    Completion completion = work(&position);
    pending.complete(std::move(completion), position);
  });
}

void PendingReply::complete(Completion write, engine::LogPosition position) const {
  io_thread_->loop().post([=, self = *this, write = std::move(write)] {
    IoThread& io_thread = *self.io_thread_;
    Client* client = io_thread.find_client(self.client_id_);
    const bool expected = client != nullptr && !client->closing && client->waiting == Waiting::kForAnswer &&
                          client->wait_number == self.wait_number_;
    if (!expected) {
      if (position != 0) io_thread.commit_gate().note_change();
      return;
    }
    const uint64_t from = client->output.position();
    write(client->reply);
    Dispatcher::apply_reply_mode(*client, from);
    if (position != 0) {
      io_thread.commit_gate().note_write(*client, from, position);
    } else {
      io_thread.commit_gate().note_read(*client, from);
    }
    io_thread.output_pending(*client);
    io_thread.resume(*client);
  });
}

}  // namespace starling::server
