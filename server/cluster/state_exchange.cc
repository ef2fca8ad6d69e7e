#include "server/cluster/state_exchange.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "cluster/topology/placement.h"
#include "engine/base/byte_codec.h"
#include "server/bus/bus_links.h"
#include "server/cluster/cluster_node.h"
#include "server/execute/function_file.h"
#include "server/execute/script/function_libraries.h"
#include "server/execute/user_file.h"
#include "server/execute/user_sweep.h"
#include "server/process/log.h"
#include "server/process/node_names.h"
#include "server/process/thread_random.h"
#include "server/server.h"

namespace starling::server {
namespace {

enum class Message : uint8_t { kDigest = 0, kState = 1, kAnswer = 2 };
constexpr uint8_t kMessages = 3;

// What nodes give each other of. Merged is what was told; from then on it is kept, too.
struct Shared {
  std::string_view what;
  bool (*blank)(Server& server);
  std::string (*state)(Server& server);
  uint64_t (*digest)(Server& server);
  uint64_t (*generation)(Server& server);
  bool (*merge)(Server& server, std::string_view state);
  void (*merged)(Server& server);
};

void keep_functions(Server& server) {
  server.engine().offload([directory = function_directory(server)] {
    if (const engine::Status status = save_functions(directory); !status.ok())
      log_text(LogLevel::kWarning, "Functions could not be saved: " + status.message());
  });
}

void follow_users(Server& server) {
  keep_users(server, [](bool) {});
  sweep_users(server, *server.io_threads().front(), 0, [](bool) {});
}

constexpr std::array kShared = {
    Shared{"functions", [](Server&) { return FunctionLibraries::of_process().blank(); },
           [](Server&) { return FunctionLibraries::of_process().state(); },
           [](Server&) { return FunctionLibraries::of_process().digest(); },
           [](Server&) { return FunctionLibraries::of_process().generation(); },
           [](Server&, std::string_view state) { return FunctionLibraries::of_process().merge(state); },
           keep_functions},
    Shared{"users", [](Server& server) { return server.users().blank(); },
           [](Server& server) { return server.users().state(); },
           [](Server& server) { return server.users().digest(); },
           [](Server& server) { return server.users().generation(); },
           [](Server& server, std::string_view state) { return server.users().merge(state); }, follow_users},
};

void send(BusLinks& links, const cluster::NodeId& peer, size_t which, Message kind, std::string_view body) {
  std::string message(1, static_cast<char>(which * kMessages + static_cast<uint8_t>(kind)));
  message += body;
  (void)links.send(peer, kStateFrame, 0, message);
}

// Merges it, and has it on the disk soon: whoever told knows it, too.
void take(Server& server, const Shared& shared, const cluster::NodeId& peer, std::string_view state) {
  const uint64_t before = shared.generation(server);
  if (!shared.merge(server, state)) {
    log_text(LogLevel::kWarning,
             "What node " + node_name(peer) + " tells of " + std::string(shared.what) + " makes no sense");
    return;
  }
  if (shared.generation(server) != before) shared.merged(server);
}

}  // namespace

void ask_for_states(Server& server, const ClusterNode& node, BusLinks& links) {
  const std::shared_ptr<const cluster::Placement> placement = node.placement();
  if (placement == nullptr || server.loading()) return;
  const std::vector<cluster::Member>& members = placement->topology.members;
  const cluster::NodeId& peer = members[thread_random().next() % members.size()].id;
  if (peer == node.id()) return;
  for (size_t which = 0; which < kShared.size(); ++which) {
    if (kShared[which].blank(server)) continue;
    std::string digest;
    engine::append_u64(kShared[which].digest(server), &digest);
    send(links, peer, which, Message::kDigest, digest);
  }
}

void receive_state(Server& server, BusLinks& links, const cluster::NodeId& peer, std::string_view message) {
  const auto kind = static_cast<uint8_t>(message[0]);
  const size_t which = kind / kMessages;
  if (which >= kShared.size()) return;
  const Shared& shared = kShared[which];
  const std::string_view body = message.substr(1);
  switch (static_cast<Message>(kind % kMessages)) {
    case Message::kDigest:
      if (body.size() == sizeof(uint64_t) && engine::load_u64(body.data()) != shared.digest(server))
        send(links, peer, which, Message::kState, shared.state(server));
      return;
    case Message::kState:
      take(server, shared, peer, body);
      if (shared.state(server) != body) send(links, peer, which, Message::kAnswer, shared.state(server));
      return;
    case Message::kAnswer:
      return take(server, shared, peer, body);
  }
}

}  // namespace starling::server
