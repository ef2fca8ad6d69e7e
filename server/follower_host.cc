#include "server/follower_host.h"

#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "engine/core/engine.h"
#include "engine/core/expiry_hold.h"
#include "engine/memory/keyspace.h"
#include "server/config.h"
#include "server/execute/state_file.h"
#include "server/process/log.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server {
namespace {

constexpr StateFile kRemembered{"replica-of", "STARLING-REPLICA-OF-1\n", "whom this server follows"};
// As CLIENT LIST shows the client by which the leader's commands run.
constexpr std::string_view kLeaderName = "leader";

std::string setting(Server& server, std::string_view name) {
  const auto values = server.config().get({&name, 1});
  return values.empty() ? std::string() : values.front().second;
}

// Of the first loop, which is where the follower is too.
class LeaderClient {
 public:
  explicit LeaderClient(Server& server) : server_(server), io_thread_(*server.io_threads().front()) {}

  int open() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return -1;
    AcceptedSocket socket;
    socket.fd = ends[0];
    socket.unix_socket = socket.peer_is_loopback = true;
    socket.peer_address = socket.local_address = kLeaderName;
    server_.connected_clients.fetch_add(1, std::memory_order_relaxed);
    io_thread_.adopt(std::move(socket));
    io_thread_.for_each_client([this](Client& client) {
      if (client.address() != kLeaderName) return;
      client.set_authenticated(true);
      client.no_evict = true;
      client.name = kLeaderName;
      id_ = client.id();
    });
    FollowerRole::of_process().set_leader_client(id_);
    return ends[1];
  }

  void close() {
    if (Client* const client = io_thread_.find_client(id_); client != nullptr) io_thread_.close(*client);
    id_ = 0;
    FollowerRole::of_process().set_leader_client(0);
  }

 private:
  Server& server_;
  IoThread& io_thread_;
  uint64_t id_ = 0;
};

LeaderLink::Options greeting_of(Server& server) {
  LeaderLink::Options options;
  options.user = setting(server, "masteruser");
  options.password = setting(server, "masterauth");
  options.port = server.settings().port;
  return options;
}

CopyFeed::Options limits_of(Server& server) {
  CopyFeed::Options options;
  options.largest_string = static_cast<size_t>(server.settings().max_bulk_bytes.get());
  options.databases = static_cast<int>(std::min<int64_t>(server.settings().databases, engine::kDatabases));
  options.apart = server.cluster() != nullptr;
  options.knows = [&server](std::string_view name) { return server.commands().find(name) != nullptr; };
  return options;
}

FollowerHost host_of(Server& server) {
  const auto client = std::make_shared<LeaderClient>(server);
  FollowerHost host;
  host.monotonic_ms = [&server] { return server.clock().monotonic_us() / 1000; };
  host.log = [](bool warning, const std::string& line) {
    log_text(warning ? LogLevel::kWarning : LogLevel::kNotice, line);
  };
  host.greeting = [&server] { return greeting_of(server); };
  host.limits = [&server] { return limits_of(server); };
  host.open_client = [client] { return client->open(); };
  host.close_client = [client] { client->close(); };
  host.remember = [&server](const RememberedLeader& remembered) {
    const engine::Status status = save_state(state_directory(server), kRemembered,
                                             [&] { return encode_remembered_leader(remembered); });
    return status.ok() ? std::string() : status.message();
  };
  // In a cluster each replica of a key sees its time come.
  host.keep_expired = [&server](bool kept) {
    if (server.cluster() == nullptr) engine::leave_expiry_to_others(server.engine(), kept);
  };
  return host;
}

}  // namespace

engine::Status start_follower(Server& server, std::unique_ptr<Follower>* follower) {
  std::string configured = setting(server, "replicaof");
  LeaderAddress address;
  if (configured == "no one") configured.clear();
  if (!configured.empty() && !parse_leader(configured, &address))
    return {engine::StatusCode::kInvalid, "'replicaof' is to be a host and a port, not '" + configured + "'"};
  std::optional<RememberedLeader> file;
  const std::string directory = state_directory(server);
  const engine::Status status = load_state(directory, kRemembered, [&file](std::string_view state) {
    return decode_remembered_leader(state, &file.emplace());
  });
  if (!status.ok()) return status;
  const std::string spool = directory.empty() ? "/tmp" : directory;
  *follower =
      std::make_unique<Follower>(server.io_threads().front()->loop(), host_of(server), spool, configured);
  (*follower)->begin(leader_at_start(configured, file));
  return {};
}

}  // namespace starling::server
