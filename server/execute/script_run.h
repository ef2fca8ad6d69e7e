// One run of a script within an operation: what redis.call() does, and what becomes of the run.
//
// The keys that it declared are locked, in memory and, in a cluster, as new as the quorum says. A key that it did not
// declare: on a node by itself its stripe is locked on the way, if nobody has it, and the key used, if it is in memory;
// else the script starts over (script_needs.h), with what it changed taken back. Where that is impossible, because it
// has changed more than is kept, published something, or is part of a transaction, the call fails with an error. In a
// cluster such keys are refused. Keyspace events are told when it is certain that they will stay true: at the end of
// the run, or when it can no longer be taken back.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "server/execute/command_table.h"
#include "server/execute/key_event.h"
#include "server/execute/script/loop_scripts.h"
#include "server/execute/script/script_host.h"
#include "server/execute/script_needs.h"
#include "server/execute/script_undo.h"

namespace starling::server {

class ScriptRun final : public ScriptHost {
 public:
  // `context` is EVAL's or FCALL's, or one of their kin's; `interpreter` has compiled it. `declared`: its keys, as they
  // are locked. `read_only`: of EVAL_RO.
  ScriptRun(CommandContext& context, const LoopScripts::Compiled& compiled, Interpreter& interpreter,
            std::span<const engine::KeyRef> declared, bool read_only);
  ~ScriptRun() override;

  // Replies to the context, unless the script must start over: then returns what it needs.
  std::unique_ptr<ScriptNeeds> run(std::span<const std::string_view> keys,
                                   std::span<const std::string_view> arguments);

 private:
  Went call(std::span<std::string_view> arguments, resp::ReplyWriter& reply) override;
  Went look() override;
  std::string_view why() const override { return why_; }
  void log(int level, std::string_view text) override;
  May may_call(std::span<const std::string_view> arguments) override;

  // The error for which the script or the command may not run; empty: it may.
  std::string refusal_of_script() const;
  std::string refusal(const Command* command, std::span<std::string_view> arguments);
  bool out_of_memory();
  enum class Keys { kReady, kRefused, kMissing };
  Keys prepare_keys(const Command& command, std::span<std::string_view> arguments, resp::ReplyWriter& reply);
  // The declared key with this name; null: there is none.
  const engine::KeyRef* find_declared(int database, std::string_view name) const;
  bool reach(const engine::KeyRef& key);
  void keep(const engine::KeyRef& key);
  // From now on nothing that it did can be taken back.
  void make_lasting();
  void tell_events();
  // It starts over, with the key or with everything. False: it cannot.
  bool start_over(const engine::KeyRef* key);

  CommandContext& context_;
  const LoopScripts::Compiled& compiled_;
  Interpreter& interpreter_;
  const std::span<const engine::KeyRef> declared_;
  // Of those, by database and name, when they are many.
  absl::flat_hash_map<std::pair<int, std::string_view>, const engine::KeyRef*> index_;
  const bool read_only_;
  const size_t loop_;
  const int database_;  // Of the client: SELECT in a script ends with it.
  const bool cluster_;
  bool everything_;  // All stripes are locked.
  bool written_ = false;
  bool lasting_ = false;  // What it did cannot be taken back.
  enum class Memory { kUnknown, kThere, kFull } memory_ = Memory::kUnknown;
  ScriptUndo undo_;
  std::vector<KeyEvent> events_;  // Not told yet.
  std::vector<int> positions_;
  std::vector<engine::KeyRef> keys_;          // Of the command that runs.
  absl::flat_hash_set<std::string> reached_;  // Not declared, and locked and in memory by now.
  std::unique_ptr<ScriptNeeds> needs_;
  std::string why_;
  int64_t served_us_ = 0;  // After its beginning.
  int calls_ = 0;
  bool told_ = false;
};

}  // namespace starling::server
