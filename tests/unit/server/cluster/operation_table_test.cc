#include "server/cluster/operation_table.h"

#include <doctest/doctest.h>

using namespace starling::server;
using Answer = OperationTable::Answer;

namespace {

constexpr uint64_t kLife = 7;

// Begins an operation; what is answered again goes to `answers`.
struct Asker {
  OperationTable& table;
  std::vector<std::string> answers;

  Answer first(uint64_t number, uint64_t settled = 0, int64_t now_ms = 0) {
    return table.begin({kLife, number}, settled, false, now_ms, take());
  }
  Answer again(uint64_t number, uint64_t settled = 0, int64_t now_ms = 0) {
    return table.begin({kLife, number}, settled, true, now_ms, take());
  }
  OperationTable::Again take() {
    return [this](std::string_view reply) { answers.emplace_back(reply); };
  }
};

}  // namespace

TEST_CASE("operation table: what was done is answered again and not done again") {
  OperationTable table;
  Asker asker{table, {}};
  CHECK(asker.first(1) == Answer::kNew);
  table.finish({kLife, 1}, ":1\r\n", 0);
  CHECK(asker.again(1) == Answer::kRepeated);
  CHECK(asker.again(1) == Answer::kRepeated);
  CHECK(asker.answers == std::vector<std::string>{":1\r\n", ":1\r\n"});
}

TEST_CASE("operation table: what is being done is waited for") {
  OperationTable table;
  Asker asker{table, {}};
  CHECK(asker.first(1) == Answer::kNew);
  CHECK(asker.again(1) == Answer::kRepeated);
  CHECK(asker.answers.empty());
  table.finish({kLife, 1}, "+OK\r\n", 0);
  CHECK(asker.answers == std::vector<std::string>{"+OK\r\n"});
}

TEST_CASE("operation table: what never arrived is done when it is asked for again") {
  OperationTable table;
  Asker asker{table, {}};
  CHECK(asker.again(1) == Answer::kNew);
  CHECK(asker.again(1) == Answer::kRepeated);
}

TEST_CASE("operation table: operations of two lives have nothing to do with each other") {
  OperationTable table;
  Asker asker{table, {}};
  CHECK(asker.first(1) == Answer::kNew);
  CHECK(table.begin({kLife + 1, 1}, 0, true, 0, asker.take()) == Answer::kNew);
}

TEST_CASE("operation table: what was answered is forgotten, and costs nothing any more") {
  OperationTable table;
  Asker asker{table, {}};
  for (uint64_t number = 1; number <= 1000; ++number) {
    CHECK(asker.first(number, number) == Answer::kNew);
    table.finish({kLife, number}, std::string(100, 'x'), 0);
    CHECK(table.size() == 1);
  }
}

TEST_CASE("operation table: what comes late, when its asker has the answer, is not done again") {
  OperationTable table;
  Asker asker{table, {}};
  // The link broke under the first frame, and what came of asking again overtook it.
  CHECK(asker.again(1, 1) == Answer::kNew);
  table.finish({kLife, 1}, ":1\r\n", 0);
  CHECK(asker.first(2, 2) == Answer::kNew);
  CHECK(asker.first(1, 1) == Answer::kUncertain);
  CHECK(asker.answers.empty());
  CHECK(asker.again(2, 2) == Answer::kRepeated);
}

TEST_CASE("operation table: one that is under way stays, whatever its asker says") {
  OperationTable table;
  Asker asker{table, {}};
  CHECK(asker.first(1) == Answer::kNew);
  CHECK(asker.first(2, 2) == Answer::kNew);
  CHECK(asker.again(1) == Answer::kRepeated);
}

TEST_CASE(
    "operation table: one that ended without an answer is uncertain, for those who wait and who come later") {
  OperationTable table;
  Asker asker{table, {}};
  CHECK(asker.first(1) == Answer::kNew);
  CHECK(asker.again(1) == Answer::kRepeated);
  table.forget({kLife, 1});
  CHECK(asker.answers == std::vector<std::string>{""});
  CHECK(asker.again(1) == Answer::kUncertain);
  CHECK(table.size() == 0);
}

TEST_CASE("operation table: too many answers and old ones are dropped, and then uncertain instead of new") {
  OperationTable table({.bytes = 10000, .keep_ms = 1000});
  Asker asker{table, {}};
  for (uint64_t number = 1; number <= 100; ++number) {
    CHECK(asker.first(number) == Answer::kNew);
    table.finish({kLife, number}, std::string(400, 'x'), 0);
    CHECK(table.bytes() <= 11000);
  }
  CHECK(asker.again(1) == Answer::kUncertain);
  CHECK(asker.again(100) == Answer::kRepeated);
  CHECK(asker.first(101, 0, 1500) == Answer::kNew);
  CHECK(asker.again(100, 0, 1500) == Answer::kUncertain);
  CHECK(table.size() == 1);
}
