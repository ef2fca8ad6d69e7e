#include "server/commands/server/debug_populate.h"

#include <algorithm>
#include <chrono>
#include <climits>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "server/commands/arguments.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server {
namespace {

// Goes on from key to key on disk threads; where a key must be read first, when that is done.
class Population : public std::enable_shared_from_this<Population> {
 public:
  Population(Server& server, int database, int64_t count, std::string prefix, size_t value_bytes,
             PendingReply pending)
      : server_(server),
        database_(database),
        count_(count),
        prefix_(std::move(prefix)),
        value_bytes_(value_bytes),
        pending_(pending) {}

  void go_on(const engine::Status& status) {
    if (!status.ok()) return refuse("ERR reading from disk failed: " + status.message());
    for (; next_ < count_; ++next_) {
      if (server_.engine().make_room()) {
        return refuse("OOM command not allowed when used memory > 'maxmemory'.");
      }
      while (server_.engine().congested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (!server_.engine().writable()) {
        return refuse("MISCONF Errors writing to the commit log: " +
                      server_.engine().write_refusal().message());
      }
      name_ = prefix_ + ":" + std::to_string(next_);
      if (!add({database_, engine::Key(name_)})) return;
    }
    pending_.complete([](resp::ReplyWriter& reply) { reply.ok(); }, position_);
  }

 private:
  // False: it goes on when the key has been read.
  bool add(const engine::KeyRef& key) {
    engine::Operation operation(server_.engine(), server_.clock().wall_ms());
    operation.lock(key);
    const bool resident = operation.resident(key);
    if (resident) {
      engine::Database database = operation.database(database_);
      if (!database.find(key.key, engine::Touch::kNo))
        database.put_string(key.key, value(), engine::kNoDeadline);
    }
    position_ = std::max(position_, operation.finish());
    if (resident) return true;
    server_.engine().fetch({key},
                           [self = shared_from_this()](engine::Status status) { self->go_on(status); });
    return false;
  }

  // Filled up with NULs, or cut.
  std::string value() const {
    std::string text = "value:" + std::to_string(next_);
    if (value_bytes_ != 0) text.resize(value_bytes_);
    return text;
  }

  void refuse(std::string error) {
    pending_.complete([error = std::move(error)](resp::ReplyWriter& reply) { reply.error(error); },
                      position_);
  }

  Server& server_;
  const int database_;
  const int64_t count_;
  const std::string prefix_;
  const size_t value_bytes_;
  const PendingReply pending_;
  int64_t next_ = 0;
  std::string name_;
  engine::LogPosition position_ = 0;
};

}  // namespace

void debug_populate(CommandContext& context) {
  constexpr int64_t kMaxValueBytes = 512 << 20;
  // It takes the locks that it needs, one after another, and EXEC holds some.
  if (context.in_exec) return context.reply.error("ERR DEBUG POPULATE is not possible inside a transaction");
  int64_t count = 0, value_bytes = 0;
  if (!integer_argument_between(context, 2, 0, LONG_MAX, &count, kNotPositiveError)) return;
  const std::string prefix(context.size() > 3 ? context.argument(3) : "key");
  if (context.size() > 4 &&
      !integer_argument_between(context, 4, 0, kMaxValueBytes, &value_bytes, kNotPositiveError)) {
    return;
  }
  const auto population =
      std::make_shared<Population>(context.server, context.database.index(), count, prefix,
                                   static_cast<size_t>(value_bytes), context.suspend());
  context.server.engine().offload([population] { population->go_on({}); });
}

}  // namespace starling::server
