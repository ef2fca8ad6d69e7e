// What a command's handler gets. How a command is declared: command_spec.h.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "engine/core/operation.h"
#include "resp/reply_writer.h"
#include "resp/request_parser.h"
#include "server/execute/command_spec.h"
#include "server/notify_class.h"
#include "server/session/pending_reply.h"

namespace starling::server {

class Client;
class Server;

// One execution of one command. All references outlive the handler's call and no longer.
struct CommandContext {
  Server& server;
  Client& client;
  const CommandSpec& spec;
  Arguments arguments;
  resp::ReplyWriter& reply;
  engine::Operation& operation;  // Locked for the command's keys, each resident.
  engine::Database database;     // The client's selected one; without keys only its index().
  bool in_exec;                  // Inside EXEC: must not suspend.
  // The first key with its hash computed already, when the command has keys at fixed positions.
  const engine::Key* first_key;
  // Where the arguments come from; null inside EXEC.
  resp::Request* request;

  int64_t now_ms() const { return operation.now_ms(); }
  size_t size() const { return arguments.size(); }
  std::string_view argument(size_t i) const { return arguments[i]; }
  engine::Key key(size_t i) const {
    return first_key != nullptr && arguments[i].data() == first_key->name.data() ? *first_key
                                                                                 : engine::Key(arguments[i]);
  }
  // If argument i arrived in an allocation of its own (big values do), hands it over: see
  // resp::Request::take_bulk().
  std::unique_ptr<char[]> take_argument(size_t i, size_t* size) const {
    return request != nullptr ? request->take_bulk(i, size) : nullptr;
  }
  // Publishes a keyspace event for a key of the selected database, if configured.
  void notify(NotifyClass event_class, std::string_view event, std::string_view key) const;
  void notify(NotifyClass event_class, std::string_view event, std::string_view key, int database) const;
  // The client waits until the reply is completed, from any thread; the handler writes nothing itself. Not
  // inside EXEC.
  PendingReply suspend() const;
  // Runs `work` on a disk thread and answers with what it returns; the client is suspended meanwhile (later
  // requests of its pipeline wait). Inside EXEC `work` runs at once, on this thread, with the operation's
  // locks held. Copy what `work` needs: arguments and database are gone by then.
  using Completion = PendingReply::Completion;
  void offload(std::function<Completion()> work) const;
  // The same for work that changes data with an Operation of its own: it stores what finish() returned to
  // `position`. Inside EXEC it must use `operation` instead, and leaves `position` alone.
  void offload_change(std::function<Completion(engine::LogPosition* position)> work) const;
};

}  // namespace starling::server
