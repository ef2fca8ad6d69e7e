// One client: a connection to each node, what it did, and the chance that it acts by. One thread.
#pragma once

#include <hiredis/hiredis.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "histories/cluster_process.h"
#include "histories/history.h"

namespace starling::histories {

// Microseconds since the driver began.
Time now();

struct Reply {
  enum class Type : uint8_t { kNone, kText, kInteger, kNil, kArray, kError };
  Type type = Type::kNone;
  std::string text;
  int64_t integer = 0;
  std::vector<Reply> elements;

  bool is(Type wanted) const { return type == wanted; }
  // A text, an integer as text, or nothing.
  std::optional<std::string> value() const;
};

struct Answer {
  Reply reply;
  Outcome outcome = Outcome::kLost;
  int node = 0;
  Time began = 0, ended = kNever, waited = 0;
  std::string text;

  bool done() const { return outcome == Outcome::kDone; }
};

using Words = std::vector<std::string>;

class Client {
 public:
  // Waits no longer than `patience` for an answer of a node that runs, and a moment for one that does not.
  Client(Cluster& cluster, int number, uint64_t seed, Time patience);

  Answer call(int node, const Words& words);
  // Sends all, then reads the replies.
  std::vector<Answer> pipeline(int node, const std::vector<Words>& commands);
  // Repeats what may be repeated until it is done, up to the deadline; the last answer.
  Answer insist(int node, const Words& words, Time deadline);

  // Notes what was done. The operation's kind, key and values are the caller's; the rest is of the answer.
  void note(Operation operation, const Answer& answer);
  // What is wrong whatever a checker may say.
  void complain(const std::string& what) { complaints.push_back(what); }

  int number() const { return number_; }
  int nodes() const { return cluster_.size(); }
  int any_node() { return static_cast<int>(below(static_cast<uint64_t>(cluster_.size()))); }
  uint64_t below(uint64_t end) { return random_() % end; }
  bool chance(int percent) { return below(100) < static_cast<uint64_t>(percent); }
  // A value that nobody else writes.
  std::string fresh() { return "c" + std::to_string(number_) + "." + std::to_string(++values_); }
  void pause(Time least, Time most);

  History history;
  std::vector<std::string> complaints;
  // Counted, but not noted one by one.
  uint64_t uncounted = 0;

 private:
  struct Deleter {
    void operator()(redisContext* context) const { redisFree(context); }
  };
  redisContext* connection(int node);
  // False: it gave up, or the connection broke.
  bool read(int node, Answer* answer);

  Cluster& cluster_;
  const int number_;
  const Time patience_;
  std::mt19937_64 random_;
  uint64_t values_ = 0;
  std::vector<std::unique_ptr<redisContext, Deleter>> connections_;
};

}  // namespace starling::histories
