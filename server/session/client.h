// One connected client: what the protocol, the gates and CLIENT LIST need to know about it. Owned by its
// loop's IoThread and touched by that thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/data/quorum.h"
#include "resp/reply_writer.h"
#include "resp/request_parser.h"
#include "server/cluster/partition_scope.h"
#include "server/cluster/quorum_read.h"
#include "server/cluster/tunnels.h"
#include "server/execute/command.h"
#include "server/execute/command_table.h"
#include "server/execute/reply_watchdog.h"
#include "server/net/connection.h"
#include "server/session/client_replies.h"
#include "server/session/client_rights.h"
#include "server/session/forwarded_writes.h"
#include "server/session/watch_table.h"
#include "server/tls/tls_stream.h"
#include "server/tracking/client_tracking.h"

namespace starling::server {

class IoThread;
struct Attempt;
struct BlockedCommand;
struct ForwardPrefix;
struct KeyEvent;
struct Publication;
struct ScriptNeeds;

// What may be added to one client's output before it has its next turn to send: so often its limits are looked
// at. Nobody waits for it to read: it may be one that first writes all it has to ask.
inline constexpr size_t kOutputTurnBytes = 1 << 20;
// The same before it has authenticated. Whoever then leaves more than that unread is closed.
inline constexpr size_t kUnauthenticatedOutputBytes = 16 << 10;

// Replies of one client that may wait for other nodes; above, nothing more is executed for it.
inline constexpr size_t kMaxHeldReplies = 1024;

// A command of a transaction, with its own copy of the arguments.
struct QueuedCommand {
  const Command* command;
  std::unique_ptr<char[]> bytes;  // What the views refer to.
  std::vector<std::string_view> arguments;
};

struct Transaction {
  bool open = false;    // Between MULTI and EXEC or DISCARD.
  bool broken = false;  // A command could not be queued: EXEC refuses.
  uint32_t flags = 0;   // CommandFlags of all queued commands.
  size_t bytes = 0;     // That the queue takes.
  std::vector<QueuedCommand> queue;
};

struct WatchedKey {
  int database;
  std::string key;

  // With its entry in the WatchTable.
  size_t memory_bytes() const { return 2 * key.size() + 192; }
};

// Why a client executes nothing for the time being.
enum class Waiting : uint8_t {
  kNo,
  kForAnswer,  // Another thread works on its command and will answer.
  kForFetch,   // Its command's keys are being read from the disk; then the command starts over.
  kForPause,   // CLIENT PAUSE holds its command back.
  kForWrites,  // Changed records outrun the checkpoint: writes are held back.
  kForLinks,   // The node has just started and is not connected to the others yet; then the command starts
               // over.
  kForNodes,   // Its command needs something from other nodes first; then the command starts over.
  kForChange,  // Of one of its command's keys, as a user asked for (BLPOP); then the command starts over.
  kForTurn,    // It gives a password, and may only be heard in a while; then the command starts over.
};

enum class ReplyMode : uint8_t { kOn, kOff, kSkipNext, kSkipThis };

// The classes of client-output-buffer-limit and CLIENT LIST TYPE. There are no masters or replicas among
// clients.
enum class ClientClass : uint8_t { kNormal, kPubSub };

struct Subscriptions {
  size_t channels = 0, patterns = 0, shard_channels = 0;
  size_t bytes = 0;  // That they take, here and in PubSub.
  size_t total() const { return channels + patterns + shard_channels; }
};

// A parsed request with what was found out about it while the batch was put together.
struct PreparedRequest {
  resp::Request request;
  const Command* command = nullptr;              // The top-level one. Null: unknown.
  std::optional<engine::Key> key;                // Of commands with one key at a fixed place.
  std::shared_ptr<QuorumRead> read;              // In a cluster, once other replicas were asked.
  std::optional<cluster::QuorumOptions> quorum;  // Of QUORUM EXEC.
  std::shared_ptr<ForwardPrefix> prefix;         // Of a forwarded request.
  std::shared_ptr<Attempt> attempt;              // In a cluster, once other replicas were asked to agree.
  std::shared_ptr<ScriptNeeds> needs;            // Of a script that starts over.
  // Of a write that waits for the decision about an attempt on its key: until when. 0: it has not waited.
  int64_t decided_by_us = 0;
};

class Client final : public FdHandler, public ClientReplies {
 public:
  // A socket without a descriptor: the client is reached by other ways (tunnel).
  Client(IoThread& io_thread, uint64_t id, AcceptedSocket socket, int64_t now_ms);
  ~Client() override;

  void on_events(int events) override;

  uint64_t id() const { return id_; }
  IoThread& io_thread() { return io_thread_; }
  // Precondition: it has a socket (no tunnel).
  Connection& connection() { return *connection_; }
  const std::string& address() const { return socket_.peer_address; }
  const std::string& local_address() const { return socket_.local_address; }
  bool unix_socket() const { return socket_.unix_socket; }
  bool peer_is_loopback() const { return socket_.peer_is_loopback; }
  bool by_tls() const { return socket_.tls; }
  ClientClass client_class() const {
    return subscriptions.total() != 0 ? ClientClass::kPubSub : ClientClass::kNormal;
  }
  // RESP2 has no way to tell a reply from a message: only a few commands are allowed while subscribed.
  bool in_subscribe_mode() const { return subscriptions.total() != 0 && reply.protocol() == 2; }

  // Identity, as set by the client itself.
  std::string name, library_name, library_version;
  bool authenticated = false;
  ClientRights rights;
  int database = 0;

  // Bytes in; those out are ClientReplies.
  resp::RequestParser parser;
  resp::ReplyWriter reply{output, 2};

  // Requests parsed and not executed, because the client waits or must read its replies first. While there
  // are any, nothing more is read: they refer to the parser's memory.
  std::vector<PreparedRequest> held_requests;

  Waiting waiting = Waiting::kNo;
  uint64_t wait_number = 0;  // Counts the waits, so that a late answer to an earlier one is recognised.
  // Its command waits, or has waited, for its keys to change; the first of held_requests, unless it runs. Null: it
  // does not.
  std::unique_ptr<BlockedCommand> blocked_command;
  // By what a user asked for (CLIENT PAUSE, BLPOP), as CLIENT LIST and INFO tell.
  bool blocked() const { return waiting == Waiting::kForPause || blocked_command != nullptr; }

  Transaction transaction;
  // While EXEC runs that may have to run again: where it leaves its transaction, and what it publishes.
  Transaction* retained = nullptr;
  std::vector<Publication>* unsent = nullptr;
  // While a script runs whose changes may yet be taken back: the keyspace events of its commands.
  std::vector<KeyEvent>* untold = nullptr;
  std::shared_ptr<WatchState> watch_state;  // Null: watches nothing.
  std::vector<WatchedKey> watched;
  size_t watched_bytes = 0;
  size_t waiting_bytes = 0;  // Of the keys that its command waits for.

  Subscriptions subscriptions;
  bool monitor = false;
  bool no_evict = false;
  bool no_touch = false;
  // Null: it tracks nothing. Of a client of another node: whether it does, its requests say (Tracking::follow).
  std::unique_ptr<ClientTracking> tracking;
  ReplyMode reply_mode = ReplyMode::kOn;
  // What the command that runs tells though its replies are not wanted: confirmations of subscriptions. Null:
  // nothing.
  std::unique_ptr<resp::OutputBuffer> pushed;
  bool mutes_replies() const { return reply_mode == ReplyMode::kOff || reply_mode == ReplyMode::kSkipThis; }
  bool close_after_reply = false;
  bool closing = false;  // Will be destroyed at the end of the pass; executes and sends nothing more.

  // In the lists of its IoThread that are worked off in this pass.
  bool in_ready_list = false;
  bool in_output_list = false;
  bool in_postponed_list = false;
  bool in_held_list = false;

  const Command* last_command = nullptr;
  const int64_t created_ms;
  int64_t last_interaction_ms;
  int64_t over_soft_limit_since_ms = 0;  // 0: it is not.
  bool reading = true;
  bool end_of_input = false;    // The peer sends nothing more.
  bool input_exhausted = true;  // What was read holds no complete request.
  bool writable_wanted = false;
  ReplyWatchdog watchdog;
  std::unique_ptr<Timer> delay_timer;   // Of Waiting::kForTurn.
  bool waited_to_authenticate = false;  // The next password it gives may be looked at.
  bool socket_full = false;    // It took less than it was offered, and has not said since that it takes more.
  size_t pending_at_send = 0;  // Output, after its last turn to send.
  // Between its socket and its bytes in and out. Null: they are the same.
  std::unique_ptr<TlsStream> tls;
  int handshake_ticks = 0;     // Of its loop, while the handshake was not done.
  bool tls_input_due = false;  // It is on its loop's list of those to be read without news from the socket.
  // What it holds, as its IoThread has counted it, and as what.
  size_t accounted_bytes = 0;
  bool accounted_as_stranger = false, accounted_as_evictable = false;

  // --- In a cluster.
  // What its last write was about: the first of its keys, unless that is too long to be kept.
  struct LastWritten {
    int database = 0;
    std::string key;
  };
  LastWritten last_written;
  // The batch (Coordinator::join) that its last write joined, and what is held for it.
  uint64_t last_batch = 0, last_held = 0;
  // As QUORUM SET (or, for a forwarded client, its own node) left it; empty: the settings.
  std::optional<cluster::QuorumOptions> quorum;
  // Set for a client of another node.
  std::unique_ptr<Tunnel> tunnel;
  // Where this client's unanswered requests were forwarded: what follows on the same partition must not
  // overtake them.
  struct Forwarded {
    uint64_t correlation;
    uint16_t partition;
    cluster::NodeIndex node;
  };
  std::vector<Forwarded> forwarded;
  ForwardedWrites forwarded_writes;
  // Nodes that have a tunnel for it, and must be told when it goes.
  std::vector<cluster::NodeId> forward_nodes;
  // Forwarded requests whose link broke, and the one of them that is being asked again (its correlation, or
  // 0): they are asked again one after the other, and nothing new on keys may overtake them.
  size_t parked_forwards = 0;
  uint64_t resent_forward = 0;
  // Keys are watched at the node that coordinates them; what is read and done about them happens there too.
  struct RemoteWatch {
    cluster::NodeIndex node;
    uint16_t
        partition;      // Of the first one: as long as the node coordinates it, what it sees is what happens.
    bool lost = false;  // It is not known what happened to the keys: EXEC does nothing.
  };
  std::optional<RemoteWatch> remote_watch;
  // It waits for a reply from other nodes, which changes what its next request means; nothing else wakes it
  // up.
  bool awaits_reply = false;
  // Of a forwarded client: which part of the keyspace a command over all keys is about.
  std::optional<PartitionScope> scope;

  // Begins a wait. Precondition: not waiting.
  void wait_for(Waiting what);
  // False while it waits, is going away, or has added as much to its output as it may in one turn.
  bool can_execute() const;
  // Logs it in.
  void become(acl::Users::Ref user) { rights = {.user = std::move(user)}; }
  std::string_view user_name() const {
    return rights.user != nullptr ? std::string_view(rights.user->name) : acl::kDefaultUser;
  }
  // What it makes the server hold.
  size_t memory_bytes() const;
  // Whether it may be closed for what it holds. Clients of other nodes are bounded where they are connected.
  bool evictable() const { return tunnel == nullptr && !no_evict; }

  void set_authenticated(bool value) {
    authenticated = value;
    parser.set_authenticated(value);
  }
  // Forgets the transaction, as DISCARD does, and all watches.
  void discard_transaction(WatchTable& watches);
  void unwatch_all(WatchTable& watches);
  bool watches_key(int watched_database, std::string_view key) const;

  // CLIENT LIST's line, without the newline.
  std::string describe(int64_t now_ms) const;
  // The client that is told of the keys that it tracks; 0: itself; -1: it tracks nothing.
  int64_t redirection() const;
  // The one-letter flags of CLIENT LIST.
  std::string flag_letters() const;

 private:
  IoThread& io_thread_;
  const uint64_t id_;
  const AcceptedSocket socket_;
  std::optional<Connection> connection_;
};

}  // namespace starling::server
