// Each checker with a history that is right and with each breach planted.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "histories/checkers/checkers.h"

#include <doctest/doctest.h>

#include <random>

namespace starling::histories {
namespace {

constexpr Outcome kDone = Outcome::kDone;
using Value = std::optional<std::string>;

// Times in these tests are in seconds.
Operation at(Kind kind, Time began, Time ended, Outcome outcome = kDone) {
  Operation operation;
  operation.kind = kind;
  operation.key = "k";
  operation.began = began * kSecond;
  operation.ended = outcome == Outcome::kLost ? kNever : ended * kSecond;
  operation.outcome = outcome;
  return operation;
}

Operation write(Time began, Time ended, Value value, Outcome outcome = kDone) {
  Operation operation = at(Kind::kWrite, began, ended, outcome);
  operation.put = std::move(value);
  return operation;
}

Operation read(Time began, Time ended, Value value) {
  Operation operation = at(Kind::kRead, began, ended);
  operation.returned = std::move(value);
  return operation;
}

Operation exchange(Time began, Time ended, Value put, Value returned, Outcome outcome = kDone) {
  Operation operation = write(began, ended, std::move(put), outcome);
  operation.kind = Kind::kExchange;
  operation.returned = std::move(returned);
  return operation;
}

Operation number(Kind kind, Time began, Time ended, int64_t value, Outcome outcome = kDone) {
  Operation operation = at(kind, began, ended, outcome);
  operation.number = value;
  return operation;
}

Operation acquire(Time began, Time ended, const std::string& token, int64_t milliseconds,
                  Outcome outcome = kDone) {
  Operation operation = number(Kind::kAcquire, began, ended, milliseconds, outcome);
  operation.put = token;
  return operation;
}

Operation release(Time began, Time ended, const std::string& token) {
  Operation operation = at(Kind::kRelease, began, ended);
  operation.put = token;
  return operation;
}

Operation version(Time began, Value value, std::vector<std::string> seen, Outcome outcome = kDone) {
  Operation operation = at(Kind::kVersion, began, began + 1, outcome);
  operation.put = std::move(value);
  operation.seen = std::move(seen);
  return operation;
}

Operation siblings(std::vector<std::string> seen) {
  Operation operation = at(Kind::kSiblings, 100, 101);
  operation.seen = std::move(seen);
  return operation;
}

size_t breaches(const History& history) {
  return check_registers(history).size();
}

TEST_CASE("registers: what strict reads may return") {
  CHECK(breaches({}) == 0);
  CHECK(breaches({read(0, 1, {})}) == 0);
  CHECK(breaches({write(0, 1, "a"), read(2, 3, "a"), write(4, 5, {}), read(6, 7, {})}) == 0);
  // Concurrent writes: either order.
  CHECK(breaches({write(0, 5, "a"), write(1, 4, "b"), read(6, 7, "a")}) == 0);
  CHECK(breaches({write(0, 5, "a"), write(1, 4, "b"), read(6, 7, "b")}) == 0);
  // A read that runs beside a write: old or new.
  CHECK(breaches({write(0, 1, "a"), write(2, 6, "b"), read(3, 4, "a"), read(4, 5, "b"), read(5, 7, "b")}) ==
        0);
  // What was not answered may come at any time; what was answered by an error may come if nothing followed.
  CHECK(breaches({write(0, 1, "a", Outcome::kLost), write(2, 3, "b"), read(4, 5, "b"), read(6, 7, "a")}) ==
        0);
  CHECK(breaches({write(0, 1, "a"), write(2, 3, "b", Outcome::kUnknown), read(4, 5, "b")}) == 0);
  CHECK(breaches({write(0, 1, "a"), write(2, 3, "b", Outcome::kUnknown), read(4, 5, "a"), read(6, 7, "b")}) ==
        0);
  // The same value again.
  CHECK(breaches({write(0, 1, "1"), write(2, 3, {}), write(4, 5, "1"), read(6, 7, "1")}) == 0);
}

TEST_CASE("registers: what nobody put, or was refused") {
  CHECK(breaches({read(0, 1, "a")}) == 1);
  CHECK(breaches({read(0, 1, "a"), write(2, 3, "a")}) == 1);
  CHECK(breaches({write(0, 1, "a", Outcome::kRefused), read(2, 3, "a")}) == 1);
  CHECK(breaches({write(0, 1, "a", Outcome::kRefused), read(2, 3, {})}) == 0);
}

TEST_CASE("registers: an acknowledged write is lost, or a replaced one is back") {
  CHECK(breaches({write(0, 1, "a"), read(2, 3, {})}) == 1);
  CHECK(breaches({write(0, 1, "a"), write(2, 3, "b"), read(4, 5, "a")}) == 1);
  CHECK(breaches({write(0, 1, "a"), write(2, 3, {}), read(4, 5, "a")}) == 1);
  CHECK(breaches({write(0, 1, "1"), write(2, 3, {}), write(2, 3, {}), read(4, 5, "1")}) == 1);
  // The first one failed, and comes over what was acknowledged after that.
  const Violations late = check_registers(
      {write(0, 1, "a", Outcome::kUnknown), write(2, 3, "b"), read(4, 5, "b"), read(6, 7, "a")});
  REQUIRE(late.size() >= 1);
  CHECK(late[0].what.find("its own answer was an error") != std::string::npos);
  // Over a later one's DEL.
  CHECK(breaches({write(0, 1, "a", Outcome::kUnknown), write(2, 3, {}), read(4, 5, "a")}) == 1);
}

TEST_CASE("registers: reads go back") {
  // The write of b goes on for ever, but it was seen.
  CHECK(breaches({write(0, 1, "a"), write(2, 9, "b", Outcome::kLost), read(3, 4, "b"), read(5, 6, "a")}) ==
        1);
  // To and fro among concurrent ones.
  const History history{write(0, 9, "a"), write(0, 9, "b"), read(1, 2, "a"), read(3, 4, "b"),
                        read(5, 6, "a")};
  CHECK(breaches(history) == 1);
  CHECK(breaches({write(0, 9, "a"), write(0, 9, "b"), read(1, 2, "a"), read(3, 6, "b"), read(5, 7, "a")}) ==
        0);
}

TEST_CASE("registers: exchanges are both a read and a write") {
  CHECK(breaches({exchange(0, 1, "a", {}), exchange(2, 3, "b", "a"), read(4, 5, "b")}) == 0);
  CHECK(breaches({exchange(0, 1, "a", {}), exchange(2, 3, "b", {})}) == 1);
  CHECK(breaches({exchange(0, 1, "a", {}), exchange(2, 3, "b", "a"), read(4, 5, "a")}) == 1);
}

TEST_CASE("registers: any history of one register that is right passes, and a swapped read does not") {
  std::mt19937_64 random(1);
  for (int round = 0; round < 50; ++round) {
    // A real register: operations take effect at distinct instants within their intervals.
    History history;
    Value value;
    std::vector<size_t> reads;
    for (Time instant = 1; instant < 200; ++instant) {
      const Time began = 100 * instant - static_cast<Time>(random() % 900);
      const Time ended = 100 * instant + 1 + static_cast<Time>(random() % 900);
      if (random() % 3 == 0) {
        value = random() % 4 == 0 ? Value() : "v" + std::to_string(instant);
        history.push_back(write(began, ended, value));
      } else {
        reads.push_back(history.size());
        history.push_back(read(began, ended, value));
      }
    }
    CHECK(breaches(history) == 0);
    history[reads.back()].returned = history[reads[3]].returned = "never";
    CHECK(breaches(history) >= 2);
  }
}

TEST_CASE("chains") {
  CHECK(check_chains({exchange(0, 1, "a", {}), exchange(2, 3, "b", "a"), exchange(4, 5, "c", "b")}).empty());
  CHECK(check_chains({exchange(0, 1, "a", {}), exchange(0, 3, "b", {})}).size() == 1);
  CHECK(check_chains({exchange(0, 1, "a", {}), exchange(2, 5, "b", "a"), exchange(2, 5, "c", "a")}).size() ==
        1);
  CHECK(check_chains(
            {exchange(0, 1, "a", {}), exchange(2, 5, "b", "a", Outcome::kUnknown), exchange(2, 5, "c", "a")})
            .empty());
}

TEST_CASE("locks") {
  // One after the other: by time, by release.
  CHECK(check_locks({acquire(0, 1, "a", 4000), acquire(4, 5, "b", 4000)}, 0).empty());
  CHECK(check_locks({acquire(0, 1, "a", 9000), release(2, 3, "a"), acquire(2, 3, "b", 4000)}, 0).empty());
  CHECK(check_locks({acquire(0, 1, "a", 9000), acquire(2, 3, "b", 4000, Outcome::kRefused)}, 0).empty());
  CHECK(check_locks({acquire(0, 1, "a", 9000), acquire(2, 3, "b", 4000, Outcome::kUnknown)}, 0).empty());
  // An answer after the time to live gives nothing.
  CHECK(check_locks({acquire(0, 5, "a", 4000), acquire(4, 6, "b", 4000)}, 0).empty());
  CHECK(check_locks({acquire(0, 1, "a", 4000), acquire(3, 3, "b", 4000)}, 0).size() == 1);
  CHECK(check_locks({acquire(0, 1, "a", 4000), acquire(3, 3, "b", 4000)}, kSecond).empty());
  CHECK(check_locks({acquire(0, 1, "a", 0), acquire(99, 100, "b", 0)}, 0).size() == 1);
  // Both asked at once.
  CHECK(check_locks({acquire(0, 3, "a", 9000), acquire(1, 2, "b", 9000)}, 0).size() == 1);
  // One that is held for long, and two in it.
  CHECK(check_locks({acquire(0, 1, "a", 90000), acquire(2, 3, "b", 2000), acquire(8, 9, "c", 2000)}, 0)
            .size() == 2);
}

TEST_CASE("numbers") {
  const auto next = [](Time began, Time ended, int64_t value, Outcome outcome = kDone) {
    return number(Kind::kNext, began, ended, value, outcome);
  };
  CHECK(check_numbers({next(0, 1, 1), next(2, 3, 2), next(2, 3, 4), next(4, 5, 5)}).empty());
  CHECK(check_numbers({next(0, 5, 2), next(1, 4, 1)}).empty());
  CHECK(check_numbers({next(0, 5, 1), next(1, 4, 1)}).size() == 1);
  CHECK(check_numbers({next(0, 1, 1), next(2, 3, 1)}).size() == 1);
  CHECK(check_numbers({next(0, 1, 2), next(2, 3, 1)}).size() == 1);
  CHECK(check_numbers({next(0, 1, 2), next(2, 3, 1, Outcome::kUnknown)}).empty());
}

TEST_CASE("expiry") {
  Operation put = write(10, 11, "v");
  put.kind = Kind::kExpiring;
  put.number = 8000;
  const auto with = [&](Operation operation) {
    return check_expiry({put, std::move(operation)}, kSecond).size();
  };
  CHECK(with(read(12, 13, "v")) == 0);
  CHECK(with(read(16, 16, {})) == 1);
  CHECK(with(read(16, 17, {})) == 0);
  CHECK(with(read(20, 21, "v")) == 0);
  CHECK(with(read(21, 22, "v")) == 1);
  CHECK(with(read(5, 6, {})) == 0);
  const auto told = [&](Time began, Time ended, int64_t milliseconds) {
    return with(number(Kind::kRemaining, began, ended, milliseconds));
  };
  CHECK(told(12, 12, 6000) == 0);
  CHECK(told(12, 12, 8500) == 1);
  CHECK(told(12, 12, 4500) == 1);
  CHECK(told(12, 12, -2) == 1);
  CHECK(told(21, 22, 100) == 1);
  put.outcome = Outcome::kUnknown;
  CHECK(with(read(12, 13, {})) == 0);
  CHECK(with(read(21, 22, "v")) == 1);
}

TEST_CASE("siblings") {
  CHECK(check_siblings({version(0, "a", {}), siblings({"a"})}).empty());
  CHECK(check_siblings({version(0, "a", {}), version(1, "b", {}), siblings({"a", "b"})}).empty());
  CHECK(
      check_siblings({version(0, "a", {}), version(1, "b", {}), version(2, "c", {"a", "b"}), siblings({"c"})})
          .empty());
  CHECK(check_siblings({version(0, "a", {}), version(1, {}, {"a"}), siblings({})}).empty());
  // Gone.
  CHECK(check_siblings({version(0, "a", {}), siblings({})}).size() == 1);
  CHECK(check_siblings({version(0, "a", {}), version(1, "b", {}), siblings({"b"})}).size() == 1);
  CHECK(check_siblings({version(0, "a", {}, Outcome::kUnknown), siblings({})}).empty());
  // Through one that failed, which was seen.
  CHECK(check_siblings({version(0, "a", {}), version(1, "b", {"a"}, Outcome::kUnknown),
                        version(2, "c", {"b"}), siblings({"c"})})
            .empty());
  // Back.
  CHECK(check_siblings({version(0, "a", {}), version(1, "b", {"a"}), siblings({"a", "b"})}).size() == 1);
  CHECK(check_siblings({version(0, "a", {}), version(1, {}, {"a"}), siblings({"a"})}).size() == 1);
  CHECK(check_siblings({version(0, "a", {}), version(1, {}, {"a"}, Outcome::kUnknown), siblings({"a"})})
            .empty());
  CHECK(check_siblings({siblings({"a"})}).size() == 1);
}

TEST_CASE("totals") {
  const Operation one = number(Kind::kAdd, 0, 1, 5), unknown = number(Kind::kAdd, 0, 1, 3, Outcome::kUnknown);
  const auto with = [&](int64_t total) {
    return check_totals({one, unknown, number(Kind::kAdd, 0, 1, 9, Outcome::kRefused),
                         number(Kind::kTotal, 2, 3, total)})
        .size();
  };
  CHECK(with(5) == 0);
  CHECK(with(8) == 0);
  CHECK(with(4) == 1);
  CHECK(with(9) == 1);
}

TEST_CASE("answers and errors") {
  Operation slow = read(0, 1, {});
  slow.waited = 9 * kSecond;
  CHECK(check_answers({slow}, 10 * kSecond).empty());
  CHECK(check_answers({slow}, 8 * kSecond).size() == 1);
  CHECK(check_no_errors({read(0, 1, {}), acquire(0, 1, "a", 0, Outcome::kRefused)}).empty());
  CHECK(check_no_errors({write(0, 1, "a", Outcome::kUnknown)}).size() == 1);
  CHECK(check_no_errors({write(0, 1, "a", Outcome::kRefused)}).size() == 1);
}

TEST_CASE("an excerpt shows what it is about, and no more than it may") {
  History history;
  for (int i = 0; i < 100; ++i) history.push_back(read(i, i + 1, {}));
  history[99].text = "GET k";
  const std::string text = excerpt(history, {"k: wrong", {0, 99}}, {{50 * kSecond, "cut"}}, 10);
  CHECK(std::count(text.begin(), text.end(), '\n') <= 12);
  CHECK(text.find("GET k") != std::string::npos);
  CHECK(text.find("earlier lines left out") != std::string::npos);
}

}  // namespace
}  // namespace starling::histories
