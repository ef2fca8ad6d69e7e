// The conversation of a replica with the server that it follows, as Redis's replicas lead it: what it is told becomes
// calls of a Sink, what it has to say too. Knows no sockets and no time.
//
//   replica   PING | AUTH [user] password | REPLCONF listening-port port | REPLCONF capa eof capa psync2
//             | PSYNC id offset           one after the other, each when the one before is answered; id "?" and
// offset
//                                         -1: from the beginning; else offset: of the first byte that it lacks
//   leader    line for each, with any number of newlines before it, which say that it lives
//             "+FULLRESYNC" id offset     its data as of that offset follow: file stream
//             "+CONTINUE" [id]            what the replica lacks follows: stream; the history's new id, if it has one
//   file      = *LF "$" length CRLF length*byte
//             | *LF "$EOF:" 40mark CRLF *byte 40mark       it does not know its length; the mark is in no file
//   stream    = *byte                     commands, whose bytes the offset counts
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace starling::server {

class LeaderLink {
 public:
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void send(std::string_view bytes) = 0;
    // Its data are to come, and then the stream from behind that offset on.
    virtual void full_sync(std::string_view id, int64_t offset) = 0;
    // The stream goes on where it was asked for. Empty: the history is the one that was named.
    virtual void go_on(std::string_view id) = 0;
    // `size`: negative: not known.
    virtual void file_begins(int64_t size) = 0;
    virtual void file_bytes(std::string_view bytes) = 0;
    virtual void file_ends() = 0;
    virtual void stream_bytes(std::string_view bytes) = 0;
  };
  struct Options {
    std::string user, password;  // Both may be empty; a user without a password is not named.
    int64_t port = 0;            // Where this server answers clients, for the leader's INFO.
    std::string id;              // Of the history that it has; empty: none.
    int64_t offset = 0;          // Up to which it has it.
  };
  enum class Phase { kGreeting, kAwaitingFile, kFile, kStream, kFailed };

  // `sink` outlives it.
  LeaderLink(Sink& sink, Options options);

  // Says the first word.
  void start();
  // What the leader says. False: the conversation is over, failure() says why; nothing more may be received.
  [[nodiscard]] bool receive(std::string_view bytes);
  Phase phase() const { return phase_; }
  const std::string& failure() const { return failure_; }

 private:
  enum class Asked { kPing, kAuth, kPort, kAbilities, kSync };

  bool fail(std::string why);
  void ask(Asked what);
  bool take_line(std::string_view line);
  bool take_answer(std::string_view line);
  bool take_sync_answer(std::string_view line);
  bool begin_file(std::string_view header);
  void take_file(std::string_view* bytes);
  void take_marked_file(std::string_view* bytes);
  void end_file();

  Sink& sink_;
  const Options options_;
  Phase phase_ = Phase::kGreeting;
  Asked asked_ = Asked::kPing;
  std::string line_;
  int64_t left_ = 0;  // Of the file.
  std::string mark_;  // Empty: its length is known.
  std::string tail_;  // Of the file: what may be the beginning of the mark.
  std::string failure_;
};

}  // namespace starling::server
