#include "server/commands/keys/scope.h"

#include "server/cluster/cluster_thread.h"
#include "server/io_thread.h"
#include "server/session/client.h"

namespace starling::server {

bool scope_of(CommandContext& context, std::shared_ptr<const PartitionSet>* partitions) {
  const Client& client = context.client;
  if (!client.scope) return true;
  *partitions = context.client.io_thread().cluster()->partitions_of(*client.scope);
  if (*partitions == nullptr)
    context.reply.error("NOQUORUM the nodes are just changing places: try again in a moment");
  return *partitions != nullptr;
}

}  // namespace starling::server
