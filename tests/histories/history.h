// What clients did and what they were answered, as the checkers take it.
//
// All times are microseconds of one monotonic clock, the driver's: an operation that ended before another
// began came before it for everybody, whatever the servers' clocks say.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace starling::histories {

using Time = int64_t;
constexpr Time kNever = std::numeric_limits<Time>::max();
constexpr Time kSecond = 1'000'000;

enum class Kind : uint8_t {
  kWrite,      // put: the value, absent for a delete.
  kRead,       // returned.
  kExchange,   // Both at once (GETSET): put and returned.
  kNext,       // number: what a counter was raised to, which nobody else may be told.
  kAcquire,    // put: the token of a lock. number: its time to live in milliseconds, 0 for ever.
  kRelease,    // Of the lock that the client holds with the token `put`.
  kExpiring,   // A write with a time to live: put, number in milliseconds.
  kRemaining,  // number: milliseconds that the key is said to live on; negative: no such key.
  kVersion,    // A write with a causal context: put (absent: a delete), and what its writer had seen.
  kSiblings,   // seen: all that shows of a key when all is quiet.
  kAdd,        // number: added to a sum.
  kTotal,      // number: the sum when all is quiet.
};

enum class Outcome : uint8_t {
  kDone,
  kRefused,  // Answered: nothing was done.
  kUnknown,  // Answered by an error that leaves it open.
  kLost,     // Not answered: the link broke, or the client gave up. It may happen at any time.
};

struct Operation {
  Kind kind = Kind::kRead;
  Outcome outcome = Outcome::kLost;
  int client = 0;
  int node = 0;
  Time began = 0;
  Time ended = kNever;  // When the answer came.
  // How long its client waited while the node asked was running, neither stopped nor dead.
  Time waited = 0;
  std::string key;
  std::optional<std::string> put, returned;
  int64_t number = 0;
  std::vector<std::string> seen;
  std::string text;  // The command and its reply, for people.

  bool done() const { return outcome == Outcome::kDone; }
};

using History = std::vector<Operation>;

// One promise that was found broken. `operations` are indices into the history, the ones that show it.
struct Violation {
  std::string what;
  std::vector<size_t> operations;
};
using Violations = std::vector<Violation>;

// Each key with the indices of its operations of the kinds asked for, in the order in which they began.
using KeyedOperations = std::vector<std::pair<std::string, std::vector<size_t>>>;
KeyedOperations by_key(const History& history, std::initializer_list<Kind> kinds);

// Lines for people: the operations that show the violation, those of the same key around them, and what the
// nemesis did meanwhile (`events`: when, what). At most `limit` lines.
struct Event {
  Time at;
  std::string what;
};
std::string excerpt(const History& history, const Violation& violation, const std::vector<Event>& events,
                    size_t limit = 40);

}  // namespace starling::histories
