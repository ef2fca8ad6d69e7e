// Makes of a leader's file and stream the commands by which this server becomes as the leader is, and counts their
// answers. The commands go to the server's dispatcher as any client's do (in a cluster: to the nodes that coordinate
// their keys), in order, many at a time.
//
//   begin_copy()      FLUSHALL SYNC, FUNCTION FLUSH SYNC; once both are answered
//   feed(), a file    FUNCTION LOAD REPLACE for each library; SELECT and RESTORE … REPLACE ABSTTL for each key
//   …when it ended    SELECT 0; once all is answered
//   feed(), a stream  its commands as they are, without PING and REPLCONF
//
// | phase | while |
// |---|---|
// | kIdle | nothing is asked of it |
// | kDropping, kLoading | what is there is no copy of anything: it is incomplete |
// | kFollowing | what is there is the leader's data as of applied() |
// | kFailed | failure() says why; what is there is incomplete. It begins again with begin_copy() |
//
// Errors. While it drops and loads any error fails. While it follows: one that says that the command may not have
// run, or may have (kUncertain in the source), and one of SELECT, fails; any other one is what the command comes to
// here and would come to again: it is counted and told, as with Redis, and the stream goes on.
//
// Pure: no sockets, no time. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "resp/request_parser.h"
#include "server/rdb/rdb_file.h"
#include "server/replica_of/answer_reader.h"

namespace starling::server {

class CopyFeed {
 public:
  enum class Phase { kIdle, kDropping, kLoading, kFollowing, kFailed };
  struct Options {
    size_t largest_string = size_t{512} << 20;  // proto-max-bulk-len.
    int databases = 16;
    // MULTI and EXEC are left out: the keys may be on different nodes.
    bool apart = false;
    // Whether there is such a command here; null: all are. One that is not is left out and counted as an error: within
    // a transaction it would take all others with it.
    std::function<bool(std::string_view name)> knows = nullptr;
  };

  explicit CopyFeed(Options options) : options_(options) {}

  // Whatever there is goes; then a file is to be fed whose data are as of `offset`.
  void begin_copy(int64_t offset);
  // Whatever there is goes, and nothing comes: once phase() is kLoading it has gone.
  void begin_drop() { begin_copy(0); }
  // Nothing more comes of it.
  void fail(std::string why);

  // How much it would like to be fed; 0: nothing at the moment.
  size_t wanted() const;
  // Of the file, in kLoading; of the stream, in kFollowing.
  void feed(std::string_view bytes);
  // The bytes of the file are all fed: it fails if they are no whole file.
  void file_ended();
  // What is to be sent to the dispatcher, in order.
  std::string take_output();
  // What the dispatcher answered.
  void answered(std::string_view bytes);

  Phase phase() const { return phase_; }
  // Of the stream: up to where its commands have run.
  int64_t applied() const { return applied_; }
  // The leader wants to be told applied() now. Asking forgets it.
  bool take_ack_wanted();
  uint64_t keys_loaded() const { return keys_loaded_; }
  const std::string& failure() const { return failure_; }
  // Errors that it went on behind, and the latest of them.
  uint64_t errors() const { return errors_; }
  const std::string& last_error() const { return last_error_; }

 private:
  enum class Kind : uint8_t { kDrop, kLoad, kLibrary, kSelect, kStream };
  struct Sent {
    Kind kind;
    uint32_t bytes;
    int64_t offset;    // Of the stream, behind it.
    std::string what;  // For messages: the command, and its key in a file.
  };

  void send(std::span<const std::string_view> arguments, Kind kind, std::string_view what,
            int64_t offset = 0);
  void feed_file(std::string_view bytes);
  void load(const RdbItem& item);
  void feed_stream(std::string_view bytes);
  void pass_on(std::span<const std::string_view> arguments, int64_t offset);
  void take_answer(const Sent& sent, const std::string& error);
  void when_all_answered();

  const Options options_;
  Phase phase_ = Phase::kIdle;
  std::unique_ptr<RdbFileReader> file_;
  bool file_whole_ = false;
  int database_ = 0;  // Selected, while it loads.
  std::unique_ptr<resp::RequestParser> stream_;
  int64_t fed_ = 0;  // Of the stream, as an offset.
  std::string output_;
  std::deque<Sent> unanswered_;
  size_t unanswered_bytes_ = 0;
  AnswerReader answers_;
  int64_t applied_ = 0;
  bool ack_wanted_ = false;
  int64_t ack_wanted_at_ = 0;  // The offset behind the question.
  uint64_t keys_loaded_ = 0;
  uint64_t errors_ = 0;
  std::string last_error_, failure_;
};

}  // namespace starling::server
