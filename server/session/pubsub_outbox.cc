#include "server/session/pubsub_outbox.h"

#include "server/io_thread.h"
#include "server/session/client.h"

namespace starling::server {
namespace {

size_t subscriptions_of(const Client& client, ChannelKind kind) {
  switch (kind) {
    case ChannelKind::kChannel:
      return client.subscriptions.channels;
    case ChannelKind::kPattern:
      return client.subscriptions.patterns;
    case ChannelKind::kShard:
      break;
  }
  return client.subscriptions.shard_channels;
}

void write(const PubSubMessage& message, resp::ReplyWriter& reply) {
  if (message.kind == ChannelKind::kPattern) {
    reply.push(4);
    reply.bulk("pmessage");
    reply.bulk(message.pattern);
  } else {
    reply.push(3);
    reply.bulk(message.kind == ChannelKind::kShard ? "smessage" : "message");
  }
  reply.bulk(message.channel);
  reply.bulk(message.text);
}

}  // namespace

void PubSubOutbox::write_all(const Client* apart, resp::OutputBuffer* own) {
  for (const Waiting& waiting : waiting_) {
    Client* receiver = io_thread_.find_client(waiting.client_id);
    if (receiver == nullptr || receiver->closing) continue;
    // It may have unsubscribed while the message was on its way: then it must not come any more.
    if (subscriptions_of(*receiver, waiting.message->kind) == 0) continue;
    if (receiver == apart) {
      resp::ReplyWriter writer(*own, apart->reply.protocol());
      write(*waiting.message, writer);
      continue;
    }
    const uint64_t position = receiver->output.position();
    write(*waiting.message, receiver->reply);
    // It may speak of a change that is not durable yet.
    io_thread_.commit_gate().note_message(*receiver, position);
    io_thread_.output_pending(*receiver);
  }
  waiting_.clear();
}

bool PubSubOutbox::deliver(Client& client, uint64_t at) {
  resp::OutputBuffer own;
  write_all(&client, &own);
  if (own.empty()) return false;
  client.output.insert(at, std::move(own));
  return true;
}

void PubSubOutbox::deliver_to_held(Client& client, uint64_t held_id, bool behind) {
  resp::OutputBuffer own;
  write_all(&client, &own);
  if (!own.empty()) client.insert_into(held_id, behind, std::move(own));
}

}  // namespace starling::server
