#include "server/commands/streams/group_arguments.h"

#include <string>

#include "server/commands/arguments.h"

namespace starling::server::streams {

bool find_group(CommandContext& context, size_t key_at, engine::Found* found, bool* there) {
  if (!find_to_change(context, context.key(key_at), engine::Type::kStream, found)) return false;
  *there =
      *found && engine::StreamGroupView(engine::StreamView(found->collection()), context.argument(key_at + 1))
                    .state()
                    .has_value();
  return true;
}

std::string quoted(std::string_view argument) {
  return "'" + std::string(argument.substr(0, argument.find('\0'))) + "'";
}

void reply_no_group(const CommandContext& context, size_t key_at) {
  context.reply.error("NOGROUP No such key " + quoted(context.argument(key_at)) + " or consumer group " +
                      quoted(context.argument(key_at + 1)));
}

void reply_no_such_group(const CommandContext& context, size_t key_at) {
  context.reply.error("NOGROUP No such consumer group " + quoted(context.argument(key_at + 1)) +
                      " for key name " + quoted(context.argument(key_at)));
}

void see_consumer(CommandContext& context, const engine::Key& key, engine::StreamGroupChange& group,
                  std::string_view consumer, bool active) {
  if (group.see_consumer(consumer, context.now_ms(), active))
    context.notify(kNotifyStream, "xgroup-createconsumer", key.name);
}

}  // namespace starling::server::streams
