// The answers of a node that holds records to those who coordinate: stores changes, tells versions, hands out
// records.
//
//   write, hint ─> merged into the engine ─> acknowledged by settle(), when the commit log has it
//                                            (appendfsync always: when it is durable)
//   version     ─> contexts
//   state       ─> whole records
//
// A hint is logged in the frame of its change: whoever was told that it is stored can count on its delivery.
//
// A change that depends on what its author read (form 3) is stored only where nothing else is, nor is under way.
// Other changes wait, with their request, while this node has an attempt under way on their key.
//
// Keys that are not in memory are fetched first; the request then starts over. Everything is a merge, so
// requests may come twice, late and in any order.
//
// One thread at a time; one for each loop. Time comes as an argument, the rest by Host.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/data/refused_attempts.h"
#include "cluster/wire/data_messages.h"
#include "cluster/wire/frame.h"
#include "cluster/wire/node_id.h"
#include "engine/core/engine.h"

namespace starling::cluster {

class ReplicaService {
 public:
  class Host {
   public:
    virtual ~Host() = default;
    // `link` is what handle() was called with; it may be gone by now.
    virtual void reply(uint64_t link, FrameKind kind, uint64_t correlation, std::string_view payload) = 0;
    // Runs `work` on the service's own thread, later. Callable from any thread.
    virtual void post(std::function<void()> work) = 0;
    virtual Epoch epoch() const = 0;
    // This node is a replica of the partition in that epoch. Never asked while it is 0.
    virtual bool holds(uint16_t partition) const = 0;
    virtual int64_t now_ms() const = 0;
    // This node has an attempt under way on the key; its stripe is held.
    virtual bool undecided(int database, std::string_view key) const = 0;
    // Of all services of this node.
    virtual RefusedAttempts& refused_attempts() = 0;
  };

  ReplicaService(engine::Engine& engine, Host& host) : engine_(engine), host_(host) {}

  // A request of kind kWrite, kHint, kVersion or kState.
  void handle(uint64_t link, FrameKind kind, uint64_t correlation, std::string_view payload);

  // The pass ends; `committed` is what Engine::commit() returned. Acknowledges what is stored.
  void settle(const engine::Status& committed);
  // The log's durable position moved, or it could not be written: then what waits for it is refused.
  void on_durable();
  // Changes were merged in this pass: commit() must be called before settle().
  bool changed() const { return !stored_.empty(); }

  // Attempts of this node have ended: what waited for that goes on.
  void resume_parked();
  size_t parked() const { return parked_.size(); }

  // Requests that wait for the disk.
  size_t waiting() const { return waiting_; }

 private:
  struct Request {
    uint64_t link;
    FrameKind kind;
    uint64_t correlation;
    std::string payload;
  };
  struct Acknowledgement {
    uint64_t link;
    FrameKind kind;
    uint64_t correlation;
    engine::LogPosition position;
    std::string payload;
  };
  enum class Progress { kDone, kMissing, kUndecided };
  // Views are into the request.
  struct ParsedChange {
    Change change;
    engine::Key key;
  };

  // Before the change or the question of this number is looked at.
  void prefetch_from(size_t number);
  void refuse(uint64_t link, FrameKind kind, uint64_t correlation, ReplyResult result, std::string_view why);
  bool check_epoch(uint64_t link, FrameKind kind, uint64_t correlation, MessageReader& reader, Epoch* epoch);
  bool read_changes(MessageReader& reader);
  static std::string stored_reply(const std::string& gaps, const std::string& hidden,
                                  const std::vector<size_t>& hidden_numbers);
  bool read_asked(MessageReader& reader);
  Progress store(uint64_t link, FrameKind kind, uint64_t correlation, std::string_view payload,
                 std::vector<KeyName>* missing);
  // Of an attempt: it has come before, something stands against it, or neither.
  enum class Standing { kThere, kRefused, kNew };
  std::optional<Standing> standing_of(engine::Operation& operation, std::span<const engine::KeyRef> keys,
                                      std::span<const Condition> conditions);
  Progress store_if(uint64_t link, FrameKind kind, uint64_t correlation, std::vector<KeyName>* missing);
  Progress tell(uint64_t link, FrameKind kind, uint64_t correlation, std::string_view payload,
                std::vector<KeyName>* missing);
  void fetch(Request request, const std::vector<KeyName>& missing);
  void hold(Acknowledgement answer);
  void give_up(const Acknowledgement& answer, std::string_view why);

  engine::Engine& engine_;
  Host& host_;
  std::vector<ParsedChange> parsed_;  // Kept for their room.
  std::vector<engine::KeyRef> asked_;
  std::vector<engine::Lookup> lookups_;    // Of either.
  std::vector<Acknowledgement> stored_;    // In this pass.
  std::deque<Acknowledgement> undurable_;  // appendfsync always.
  std::deque<Request> parked_;             // Until an attempt of this node is decided.
  size_t waiting_ = 0;
  size_t waiting_bytes_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // For what comes back from other threads.
};

FrameKind reply_kind(FrameKind request);

}  // namespace starling::cluster
