// Whether this process follows a leader, as the gates of the dispatcher, INFO and ROLE ask it: written by the
// Follower, read by any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace starling::server {

struct FollowerReport {
  enum class Stage { kConnecting, kGreeting, kReceiving, kLoading, kFollowing };
  std::string host;
  int64_t port = 0;
  Stage stage = Stage::kConnecting;
  bool linked = false;         // It hears the leader.
  int64_t heard_ms = 0;        // When it last did, by the monotonic clock. So is the next one.
  int64_t unlinked_ms = 0;     // Since when it does not.
  int64_t read_offset = 0;     // Of the stream, up to where it has come;
  int64_t applied_offset = 0;  // and up to where it is done.
  int64_t file_bytes = -1;     // Of the file; negative: not known.
  int64_t file_done = 0;       // Of these: received, or, from kLoading on, loaded.
  uint64_t keys_loaded = 0;
  uint64_t errors = 0;     // Of commands of the stream.
  std::string last_error;  // Of these, or of the last attempt to connect or to load.
  std::string_view stage_name() const;
};

class FollowerRole {
 public:
  enum class State : uint8_t {
    kNone,        // This is no replica of anything.
    kFollowing,   // What there is, is a leader's data as of some time, or of before it was told to follow.
    kIncomplete,  // A copy is being made, or was not finished: what there is means nothing.
  };

  static FollowerRole& of_process();
  // Asked for every command.
  static bool any() { return any_.load(std::memory_order_relaxed); }

  State state() const { return state_.load(std::memory_order_relaxed); }
  void set_state(State state) {
    state_.store(state, std::memory_order_relaxed);
    any_.store(state != State::kNone, std::memory_order_relaxed);
  }
  // The client by which the leader's commands run here.
  bool is_leader(uint64_t client_id) const {
    return leader_client_.load(std::memory_order_relaxed) == client_id;
  }
  void set_leader_client(uint64_t client_id) { leader_client_.store(client_id, std::memory_order_relaxed); }
  // Ordinary clients may not write.
  bool read_only(uint64_t client_id) const { return state() != State::kNone && !is_leader(client_id); }
  // Nor read.
  bool unreadable(uint64_t client_id) const { return state() == State::kIncomplete && !is_leader(client_id); }

  FollowerReport report() const;
  void set_report(FollowerReport report);

 private:
  alignas(64) static inline constinit std::atomic<bool> any_{false};  // Not kNone.
  std::atomic<State> state_{State::kNone};
  std::atomic<uint64_t> leader_client_{0};  // 0: none.
  mutable std::mutex mutex_;
  FollowerReport report_;  // Guarded by mutex_.
};

}  // namespace starling::server
