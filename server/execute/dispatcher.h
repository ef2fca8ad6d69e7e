// From parsed requests to executed commands: lookup, gates, locks, residency, timing. One for each loop.
//
// Work is done in batches over all clients that have requests: each request is parsed, its command looked up,
// its key hashed and the key's memory prefetched, and only then is the first executed. Memory latency is thus
// paid once for a batch and not for each request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "engine/core/operation.h"
#include "server/acl/denial_log.h"
#include "server/cluster/admission.h"
#include "server/execute/command_table.h"
#include "server/execute/script_needs.h"
#include "server/session/client.h"

namespace starling::server {

class ClusterThread;
class CommandUse;
class IoThread;
class Server;

// While a script has run for longer than busy-reply-threshold.
inline constexpr std::string_view kBusy =
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";

// While the commit log is replayed.
inline constexpr std::string_view kLoadingData = "LOADING Redis is loading the dataset in memory";

using KeyList = absl::InlinedVector<engine::KeyRef, 4>;

class Dispatcher {
 public:
  Dispatcher(Server& server, IoThread& io_thread);
  ~Dispatcher();

  bool full() const { return batch_.size() >= kBatchRequests; }
  // Adds the client's requests to the batch. True when it may have more that did not fit. Precondition: it
  // can execute.
  bool gather(Client& client);
  // Executes the batch in order. What a client cannot execute any more goes to its held_requests. Behind each request
  // those have their turn that it woke.
  void execute_batch();
  // Runs what waited for its keys to change, and has been woken.
  void serve_woken();

  // Runs one command on an operation that is locked and resident: for execute_batch() and EXEC.
  void call(Client& client, const Command& command, Arguments arguments, engine::Operation& operation,
            bool in_exec, const engine::Key* first_key, resp::Request* request);

  // The same for a command of a script, which runs within the client's command.
  void call_from_script(Client& client, const Command& command, Arguments arguments,
                        engine::Operation& operation, resp::ReplyWriter& reply, const engine::Key* first_key);
  // The keys of the command that runs, as they are locked.
  std::span<const engine::KeyRef> locked_keys() const { return locked_; }
  // The script that the command that runs has run starts over, with what it needs.
  void start_over_with(std::unique_ptr<ScriptNeeds> needs) { needs_ = std::move(needs); }
  // --- Whether the client's user may run it; what is refused is noted in ACL LOG.
  [[nodiscard]] acl::Verdict verdict_on(Client& client, const Command& command, Arguments arguments,
                                        acl::Where where);
  // The same without a note.
  [[nodiscard]] bool may_run(Client& client, const Command& command, Arguments arguments);
  // The same for what reads keys that no argument names: whether it may read any.
  [[nodiscard]] bool may_read_every_key(Client& client, const Command& command, Arguments arguments);

  // Commands that need memory are to be refused.
  bool memory_is_full() const;
  // A script runs for longer than busy-reply-threshold. (In a cluster it is ended instead.)
  bool busy() const;

  // --- While a script keeps the loop busy, on its operation: answers what has been read, with BUSY unless it is
  // about that script. What the client `running` asked for behind the script waits. Of all clients, what waits in the
  // batch that is executed.
  void answer_batch_while_busy(const Client& running, engine::Operation& operation);
  // What the client's parser and held_requests have. Precondition: nothing of it waits in the batch.
  void answer_while_busy(Client& client, engine::Operation& operation);
  // A request of it waits in the batch that is executed.
  bool in_batch(const Client& client) const;

  // --- For handlers of commands without keys. False: a script that takes its time is in the way; the command runs
  // again later, or, inside EXEC, an error was replied.
  [[nodiscard]] bool lock_any(const CommandContext& context);
  [[nodiscard]] bool lock_everything(const CommandContext& context);

  // After a command or a completed wait: drops the reply from `from` on if CLIENT REPLY says so.
  static void apply_reply_mode(Client& client, uint64_t from);

 private:
  static constexpr size_t kBatchRequests = 64;

  struct BatchEntry {
    Client* client;  // Null: it was answered out of turn.
    PreparedRequest prepared;
  };
  enum class Outcome { kDone, kWaits };

  static bool is_exec(const Command& command) { return command.executes; }
  uint32_t effective_flags(const Client& client, const Command& command) const;
  // False: the request is a forwarded one, and its prefix makes no sense.
  bool prepare(Client& client, PreparedRequest* prepared);
  static bool has_only_key(const Command& command, const PreparedRequest& prepared);
  void prefetch_batch();
  void follow_prefix(Client& client, const ForwardPrefix& prefix);
  // The client becomes that user, as another node names it; empty: the default one, who may do everything.
  void follow_user(Client& client, std::string_view name);
  Outcome dispatch(Client& client, PreparedRequest& prepared) {
    if (client.tracking == nullptr) [[likely]]
      return dispatch_one(client, prepared);
    return dispatch_tracked(client, prepared);
  }
  Outcome dispatch_one(Client& client, PreparedRequest& prepared);
  // Of a client that tracks keys (dispatcher_tracking.cc).
  Outcome dispatch_tracked(Client& client, PreparedRequest& prepared);
  // The command has read its keys for such a client, and they are locked still.
  void remember_keys(const CommandContext& context);
  // A forwarded request whose deadline is over is not run, but answered so: its own client may have been told that it
  // failed, and have gone on.
  bool too_late(Client& client, const PreparedRequest& prepared);
  const Command* resolve(Client& client, const Command* command, Arguments arguments);
  bool refuse(Client& client, const Command& command, Arguments arguments);
  acl::Verdict judge(Client& client, const Command& command, Arguments arguments);
  bool refuse_by_rights(Client& client, const Command& command, Arguments arguments);
  // The client's rights are those of now. False: there is no such user any more; the client is closed.
  bool look_up_user(Client& client);
  // It needs data, which are being loaded.
  bool too_early(const Command& command) const;
  bool out_of_memory(const Client& client, const Command& command) const;
  bool may_run_elsewhere(const Client& client, const Command& command) const;
  Waiting held_back(const Client& client, const Command& command) const;
  // It gives a password, and too many wrong ones have come from its address.
  bool waits_to_authenticate(Client& client, const Command& command, Arguments arguments);
  // QUORUM EXEC becomes the command that it runs. False: its arguments make no sense, which its handler says.
  bool unwrap(Client& client, PreparedRequest& prepared);
  // In a cluster, before a command runs: kRun lets it.
  Admission admit(Client& client, const Command& command, PreparedRequest& prepared);
  bool run(Client& client, const Command& command, PreparedRequest& prepared);
  enum class Ran { kDone, kWaits, kAgain };
  Ran run_once(Client& client, const Command& command, PreparedRequest& prepared);
  bool lock_and_check(Client& client, const Command& command, PreparedRequest& prepared,
                      const engine::Key* key, engine::Operation& operation);
  // False: a script that takes its time has one of the stripes; the client waits.
  bool lock(Client& client, std::span<const engine::KeyRef> keys, bool everything,
            engine::Operation& operation);
  // The same for a handler: inside EXEC the client cannot wait, and is answered an error.
  bool lock_for(const CommandContext& context, std::span<const engine::KeyRef> keys, bool everything);
  // The command is to run once more, with what its script needs. False: it is answered an error instead.
  bool start_over(Client& client, PreparedRequest& prepared, engine::Operation& operation, uint64_t from);
  // False: nothing more of the client is to be answered now.
  bool answer_one_while_busy(Client& client, PreparedRequest& prepared, engine::Operation& operation);
  void invoke(const Command& command, CommandContext& context, uint64_t begin);
  // locked_ are its keys.
  bool current(Client& client, const Command& command, PreparedRequest& prepared,
               engine::Operation& operation);
  // Like run(), with a write that other replicas have to agree to.
  bool attempt(Client& client, const Command& command, PreparedRequest& prepared, const engine::Key* key,
               engine::Operation& operation);
  // True when everything must be locked.
  bool collect_keys(const Client& client, const Command& command, Arguments arguments, KeyList* keys);
  void add_keys(const Command& command, Arguments arguments, int database, KeyList* keys);
  void fetch(Client& client, std::span<const engine::KeyRef> keys);
  void reject(Client& client, const Command* command, std::string_view error);
  void reject_unknown(Client& client, Arguments arguments);
  void queue(Client& client, const Command& command, Arguments arguments);
  void feed_monitors(const Client& client, const CommandSpec& spec, Arguments arguments);
  // For a command that took longer than the slow log or the latency monitor wants to know of.
  void record_slow(const Client& client, const CommandSpec& spec, Arguments arguments, uint64_t cycles);

  Server& server_;
  IoThread& io_thread_;
  std::vector<BatchEntry> batch_;
  size_t turn_ = 0;                      // Of the batch: what is executed, or was last.
  std::vector<engine::Lookup> lookups_;  // Of the batch; kept for its room.
  uint64_t last_cycles_ = 0;             // When the previous command of this batch ended.
  uint64_t slow_cycles_ = 0;             // From which duration on a command is recorded.
  std::vector<int> positions_;           // Scratch.
  std::vector<engine::KeyRef> extra_keys_;
  std::unique_ptr<CommandUse> use_;  // Scratch.
  KeyList locked_;                   // Of the command that runs.
  std::unique_ptr<ScriptNeeds> needs_;
  const QuorumRead* reading_ =
      nullptr;  // Of the command of a client that tracks keys; null: it asked nobody.
};

}  // namespace starling::server
