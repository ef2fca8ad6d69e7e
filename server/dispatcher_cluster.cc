// What the dispatcher does about other nodes before and after it has a command's keys locked.
#include "server/cluster/cluster_thread.h"
#include "server/cluster/quorum_options.h"
#include "server/dispatcher.h"
#include "server/io_thread.h"
#include "server/server.h"

namespace starling::server {

// QUORUM EXEC becomes the command that it runs.
bool Dispatcher::unwrap(Client& client, PreparedRequest& prepared) {
  const Arguments arguments = prepared.request.arguments;
  size_t separator = 2;
  while (separator < arguments.size() && arguments[separator] != "--") ++separator;
  if (separator + 1 >= arguments.size() || prepared.quorum) return false;
  cluster::QuorumOptions options = io_thread_.cluster()->quorum_of(client);
  if (!read_quorum_options(arguments.subspan(2, separator - 2), &options).empty()) return false;
  prepared.quorum = options;
  prepared.request.drop_front(separator + 1);
  prepared.command = server_.commands().find(prepared.request.arguments[0]);
  prepared.key.reset();
  return true;
}

// A write that this node cannot log may go to another one: admission finds out which.
bool Dispatcher::may_run_elsewhere(const Client& client, const Command& command) const {
  const ClusterThread* const cluster = io_thread_.cluster();
  if (cluster == nullptr || cluster->placement() == nullptr || client.tunnel != nullptr) return false;
  return command.has_keys || is_exec(command);
}

Admission Dispatcher::admit(Client& client, const Command& command, PreparedRequest& prepared) {
  const bool writes = (effective_flags(client, command) & kWrite) != 0;
  io_thread_.cluster()->use_quorum(prepared.quorum ? &*prepared.quorum : nullptr);
  const bool single = command.one_key && prepared.key && command.spec->extra_keys == nullptr;
  if (single && io_thread_.cluster()->runs_here(client, command, prepared, writes)) return Admission::kRun;
  KeyList keys;
  if (single) {
    keys.push_back({client.database, *prepared.key});
  } else {
    (void)collect_keys(client, command, prepared.request.arguments, &keys);
  }
  return io_thread_.cluster()->admit(client, command, prepared, keys, writes);
}

// The keys are here; is what they hold the newest there is?
bool Dispatcher::current(Client& client, PreparedRequest& prepared, std::span<const engine::KeyRef> keys,
                         engine::Operation& operation) {
  return prepared.read == nullptr || io_thread_.cluster()->up_to_date(client, prepared, keys, operation);
}

}  // namespace starling::server
