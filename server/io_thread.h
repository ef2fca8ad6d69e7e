// One loop with its clients: reads, executes, commits and sends, pass by pass. See README.md, "The path of a
// request".
//
// Everything here runs on the loop's thread, except where it says otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "server/execute/blocked_clients.h"
#include "server/execute/commit_gate.h"
#include "server/execute/dispatcher.h"
#include "server/execute/script/loop_scripts.h"
#include "server/metrics/statistics.h"
#include "server/net/event_loop.h"
#include "server/session/client.h"
#include "server/session/invalidations.h"
#include "server/session/pubsub_outbox.h"

namespace starling::server {

class ClusterThread;
class Server;

class IoThread final : private resp::ErrorObserver {
 public:
  IoThread(Server& server, int index);
  ~IoThread() override;
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  // Any thread. start() runs the loop on a thread of its own, run() on the caller's. Once it has stopped, it may be
  // started again.
  void start();
  void run();
  void stop_and_join();
  EventLoop& loop() { return loop_; }
  Server& server() { return server_; }
  int index() const { return index_; }
  const LoopStatistics& statistics() const { return statistics_; }
  LoopStatistics& statistics() { return statistics_; }

  // Makes a client of the socket, or refuses it (protected mode).
  void adopt(AcceptedSocket socket);
  // Makes a client whose requests come from another node.
  Client& adopt_tunnel(std::unique_ptr<Tunnel> tunnel);
  // More of them have come.
  void on_tunnel_input(Client& client);

  // Null: gone, or never of this loop.
  Client* find_client(uint64_t id);
  void for_each_client(absl::FunctionRef<void(Client&)> visit);

  // The client is destroyed at the end of the pass; nothing more is executed for it or sent to it.
  void close(Client& client);
  // The same after what its output holds has left.
  void close_after_reply(Client& client);

  // Something was, or will be in this pass, appended to the client's output.
  void output_pending(Client& client);
  // Ends the client's wait; its requests go on in this pass.
  void resume(Client& client);
  // Puts the client on the list of those that try again when pauses or congestion end.
  void postpone(Client& client, Waiting why);
  // Has the client wait before the password is looked at that it gives.
  void delay_authentication(Client& client, int64_t delay_ms);
  // Lets all postponed clients try again.
  void retry_postponed();
  // A fetch for the client's wait ended.
  void on_fetched(uint64_t client_id, uint64_t wait_number, const engine::Status& status);
  // The log's durable position moved: sends what was held for it.
  void on_durable();

  void on_readable(Client& client);
  void on_writable(Client& client);
  // Within a transaction: whether its replies so far are more than may ever be pending for the client, or than
  // another node can be brought. Then they are for nothing; a client of this node's own is closed.
  bool outgrown(Client& client);

  // For how long a reply to the command that runs for the client may wait for the log.
  int64_t log_patience_ms(const Client& client) const;

  // Null outside a cluster. Joined before start() or run().
  void join_cluster(std::unique_ptr<ClusterThread> cluster);
  ClusterThread* cluster() { return cluster_.get(); }

  CommitGate& commit_gate() { return commit_gate_; }
  // Of the interpreter that runs scripts here.
  LoopScripts& scripts() { return scripts_; }
  // Called by a script that has run for too long, on its operation, for the client `running`: takes new connections,
  // sends the loop's other clients what they are owed, and answers them BUSY. See io_thread_busy.cc.
  void serve_while_busy(Client& running, engine::Operation& operation);
  resp::ErrorObserver& error_observer() { return *this; }
  PubSubOutbox& outbox() { return outbox_; }
  Invalidations& invalidations() { return invalidations_; }
  BlockedClients& blocked() { return blocked_; }
  Dispatcher& dispatcher() { return dispatcher_; }
  // Error replies written on this loop so far.
  uint64_t errors_written() const { return errors_written_; }
  // The wall clock, read once for each pass.
  int64_t now_ms() const { return now_ms_; }

 private:
  void on_error(std::string_view text) override;
  static constexpr std::string_view kProtectedModeRefusal =
      "-DENIED Protected mode is on and no password is set, so only connections from this host are accepted. "
      "To accept "
      "others: set 'requirepass', or bind to an address that only trusted hosts can reach and turn protected "
      "mode off "
      "with CONFIG SET protected-mode no from this host.\r\n";
  bool may_answer_while_busy(const Client& running, const Client& client) const;
  void read_while_busy(Client& client, engine::Operation& operation);
  void mark_ready(Client& client);
  void run_pass();
  // `apart`, here and below: whose reply is being written, in the middle of a pass. See CommitGate::settle().
  void commit(Client* apart = nullptr);
  void run_ready();
  // One read of what the client's socket has.
  IoResult receive(Client& client, std::span<char> room);
  // Bytes that belong to the other port than they came by: says so and closes. See io_thread_tls.cc, as for the next.
  void refuse_tls(Client& client);
  IoResult receive_sealed(Client& client, std::span<char> room);
  bool accept_sealed(Client& client, std::string_view first);
  void on_handshake_done(Client& client);
  void on_handshake_failed(Client& client, std::string_view why);
  void read_sealed_soon(Client& client);
  bool send_sealed(Client& client, size_t sendable, bool* blocked);
  size_t seal(Client& client, size_t sendable);
  // What is sealed already. False: it cannot be reached any more.
  bool flush_sealed(Client& client, bool* blocked);
  void say_goodbye(Client& client);
  void watch_handshake(Client& client);
  void send_outputs(const Client* apart = nullptr);
  void send(Client& client);
  // Moves up to `sendable` bytes of the client's output on. False: it cannot be reached any more.
  bool send_to_socket(Client& client, size_t sendable, bool* blocked);
  bool send_to_tunnel(Client& client, size_t sendable);
  void enforce_output_limit(Client& client);
  void close_for_limit(Client& client, const char* limit);
  void update_interest(Client& client);
  void note_socket_full(Client& client, bool full);
  // Counts what the client holds now.
  void account(Client& client);
  void forget_account(const Client& client);
  // At the end of a pass: tells others what all clients hold, and has it bounded.
  void bound_client_memory();
  void destroy_closing();
  void check_idle(Client& client, int64_t timeout_ms);
  void watch_waits(Client& client);
  void recheck_held(const Client* apart = nullptr);
  void on_tick();

  Server& server_;
  const int index_;
  EventLoop loop_;
  std::thread thread_;
  LoopStatistics statistics_;
  std::unique_ptr<ClusterThread> cluster_;
  CommitGate commit_gate_;
  LoopScripts scripts_;
  PubSubOutbox outbox_;
  Invalidations invalidations_;
  BlockedClients blocked_;
  Dispatcher dispatcher_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Client>> clients_;
  std::vector<Client*> ready_;      // Have requests to execute.
  std::vector<Client*> executing_;  // run_ready()'s own.
  std::vector<Client*> outputs_;    // Have bytes to send, or closing to consider.
  std::vector<Client*> sending_;    // send_outputs()'s own.
  std::vector<uint64_t> postponed_;
  std::vector<uint64_t> held_;  // Have replies that wait for the log.
  std::vector<Client*> closing_;
  // Held by clients; by those that have not authenticated; by those that may be closed for it.
  size_t client_bytes_ = 0, stranger_bytes_ = 0, evictable_bytes_ = 0;
  size_t checked_stranger_bytes_ = 0,
         checked_evictable_bytes_ = 0;  // The same, when ClientMemory last looked.
  bool accounts_changed_ = false;
  std::unique_ptr<char[]> sealed_;  // For one read and one record of any TLS connection. Null: none came yet.
  std::vector<uint64_t> sealed_due_;  // Are to be read once more in the next pass: see Client::tls_input_due.
  std::unique_ptr<Timer> retry_timer_;
  std::unique_ptr<Timer> tick_timer_;
  std::unique_ptr<Timer> held_timer_;
  int64_t now_ms_ = 0;
  uint64_t errors_written_ = 0;
};

}  // namespace starling::server
