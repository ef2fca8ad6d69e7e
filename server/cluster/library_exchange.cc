#include "server/cluster/library_exchange.h"

#include <memory>
#include <string>
#include <vector>

#include "cluster/topology/placement.h"
#include "engine/base/byte_codec.h"
#include "server/bus/bus_links.h"
#include "server/cluster/cluster_node.h"
#include "server/execute/function_file.h"
#include "server/execute/script/function_libraries.h"
#include "server/process/log.h"
#include "server/process/thread_random.h"
#include "server/server.h"

namespace starling::server {
namespace {

enum class Message : char { kDigest = 0, kState = 1, kAnswer = 2 };

void send(BusLinks& links, const cluster::NodeId& peer, Message kind, std::string_view body) {
  std::string message(1, static_cast<char>(kind));
  message += body;
  (void)links.send(peer, kLibrariesFrame, 0, message);
}

// Merges it, and has it on the disk soon: whoever told knows it, too.
void take(Server& server, const cluster::NodeId& peer, std::string_view state) {
  FunctionLibraries& libraries = FunctionLibraries::of_process();
  const uint64_t before = libraries.generation();
  if (!libraries.merge(state)) {
    log_text(LogLevel::kWarning, "What node " + short_name(peer) + " tells of functions makes no sense");
    return;
  }
  if (libraries.generation() == before) return;
  server.engine().offload([directory = function_directory(server)] {
    if (const engine::Status status = save_functions(directory); !status.ok())
      log_text(LogLevel::kWarning, "Functions could not be saved: " + status.message());
  });
}

}  // namespace

void ask_for_libraries(Server& server, const ClusterNode& node, BusLinks& links) {
  const FunctionLibraries& libraries = FunctionLibraries::of_process();
  const std::shared_ptr<const cluster::Placement> placement = node.placement();
  if (libraries.blank() || placement == nullptr || server.loading()) return;
  const std::vector<cluster::Member>& members = placement->topology.members;
  const cluster::NodeId& peer = members[thread_random().next() % members.size()].id;
  if (peer == node.id()) return;
  std::string digest;
  engine::append_u64(libraries.digest(), &digest);
  send(links, peer, Message::kDigest, digest);
}

void receive_libraries(Server& server, BusLinks& links, const cluster::NodeId& peer,
                       std::string_view message) {
  if (message.empty()) return;
  const FunctionLibraries& libraries = FunctionLibraries::of_process();
  const std::string_view body = message.substr(1);
  switch (static_cast<Message>(message[0])) {
    case Message::kDigest:
      if (body.size() == sizeof(uint64_t) && engine::load_u64(body.data()) != libraries.digest())
        send(links, peer, Message::kState, libraries.state());
      return;
    case Message::kState:
      take(server, peer, body);
      if (libraries.state() != body) send(links, peer, Message::kAnswer, libraries.state());
      return;
    case Message::kAnswer:
      return take(server, peer, body);
  }
}

}  // namespace starling::server
