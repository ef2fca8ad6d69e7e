// Clients whose command found nothing and waits until one of its keys changes: BLPOP and its kin. Of one loop.
//
// The command stays the first of the client's held requests. It runs again, as if it had just come, when it is woken
// (wait_table.h), and is answered by that, by the end of its time, or by CLIENT UNBLOCK. In a cluster it waits where
// its keys are coordinated (ClusterThread::forward_wait): there for a stretch at a time, so that who loses its
// coordinator finds the next one; its own node knows since when it waits, and how long it may.
//
// Its loop's thread only, except where it says otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/types.h"
#include "server/execute/command.h"
#include "server/execute/wait_table.h"
#include "server/net/event_loop.h"

namespace starling::server {

class Client;
class IoThread;

// In a cluster a client finds out anew where its keys are coordinated when it has waited for so long.
inline constexpr int64_t kWaitStretchUs = 10'000'000;

// Begins what a node is told of a command that has waited here for it and was not served, when the command has other
// last arguments by now (BlockedCommand::last_arguments): they follow, with spaces between them.
inline constexpr std::string_view kStillWaiting = "-WAITING ";

// How a wait ends that nothing served.
enum class WaitEnd : uint8_t { kTimeOut, kError };

// What a client's command that waits has come to. Owned by its Client, from its first look at its keys until it is
// answered.
struct BlockedCommand {
  uint64_t number = 0;               // Of this loop's: tells a late wake from one for this command.
  int64_t since_us = 0;              // By the monotonic clock.
  int64_t deadline_us = 0;           // 0: none.
  std::shared_ptr<Waiter> waiter;    // Null: it has not joined here.
  uint64_t forward = 0;              // By which it waits at another node; 0: it does not.
  std::optional<WaitEnd> asked_end;  // CLIENT UNBLOCK came while it ran.
  std::unique_ptr<Timer> timer;      // Null: it waits for as long as it takes.
  // In place of as many last arguments when it runs again: what meant the moment when it came.
  std::vector<std::string> last_arguments;
};

class BlockedClients {
 public:
  BlockedClients(IoThread& io_thread, WaitTable& table) : io_thread_(io_thread), table_(table) {}

  // --- For handlers, whose keys are locked.
  // Whether what the key holds, of which there are so many, is not for those who have waited longer than this client.
  [[nodiscard]] bool is_turn(const CommandContext& context, const engine::Key& key, engine::Type type,
                             uint64_t count);
  // The command runs again, perhaps by the client's other node.
  bool has_waited(const Client& client) const;
  // There is nothing: the client waits until one of the keys at these positions changes, and the handler replies
  // nothing. False: it may not (inside EXEC), or no longer; the handler says that nothing came.
  // `last_arguments`: in place of as many when it runs again.
  [[nodiscard]] bool wait(const CommandContext& context, engine::Type type, std::span<const size_t> positions,
                          int64_t timeout_ms, std::vector<std::string> last_arguments = {});
  // What wait() was told of them; empty: the arguments stand as they came.
  std::span<const std::string> last_arguments(const Client& client) const;

  // --- For the dispatcher and the loop.
  // Any thread.
  void wake(uint64_t client_id, uint64_t number);
  bool any_woken() const { return !woken_.empty(); }
  // The next client whose command is to run again now; its wait is over. Null: none.
  Client* next_woken();
  // The command is answered, or its client goes.
  void end(Client& client);
  // CLIENT UNBLOCK. False: it is not blocked.
  bool unblock(Client& client, WaitEnd how);

  // --- In a cluster.
  // The command that the client's own node forwards: since when it waits. Begins when it has not begun.
  BlockedCommand& begin(Client& client, int64_t timeout_ms, int64_t waited_us);
  // It waits until `until_us` at another node.
  void wait_elsewhere(Client& client, uint64_t forward);
  // It runs again, to find out anew where.
  void start_over(Client& client);
  // The same for all that wait here; those of other nodes are answered that nothing came.
  void start_all_over();
  // End its wait: nothing came; another node has given it `reply`. Its next request goes on.
  void answer_nothing(Client& client, WaitEnd how);
  // No more than the reply.
  static void reply_nothing(Client& client, WaitEnd how);
  void answer(Client& client, std::string_view reply);
  bool out_of_time(const BlockedCommand& blocked) const;
  int64_t now_us() const;

 private:
  void set_timer(Client& client, int64_t until_us);
  void on_timer(uint64_t client_id, uint64_t number);
  Client* waiting(uint64_t client_id, uint64_t number);
  void drop_request(Client& client, uint64_t from);

  IoThread& io_thread_;
  WaitTable& table_;
  uint64_t last_number_ = 0;
  // By client and number; the first `next_` of them have had their turn.
  std::vector<std::pair<uint64_t, uint64_t>> woken_;
  size_t next_ = 0;
};

}  // namespace starling::server
