#include "server/commands/expiry_options.h"

#include <doctest/doctest.h>

#include <cstdint>

#include "server/commands/arguments.h"

namespace starling::server {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;

int64_t deadline(int64_t amount, ExpiryForm form) {
  int64_t result = -77;
  return deadline_of(amount, form, kNow, &result) ? result : -99;
}

TEST_CASE("words are recognised in any mix of cases and nothing else is") {
  CHECK(is_word("KeepTTL", "keepttl"));
  CHECK(is_word("nx", "nx"));
  CHECK_FALSE(is_word("n", "nx"));
  CHECK_FALSE(is_word("nxx", "nx"));
  CHECK_FALSE(is_word("", "nx"));
}

TEST_CASE("the four forms of an expiry") {
  CHECK(parse_expiry_form("EX") == ExpiryForm::kSeconds);
  CHECK(parse_expiry_form("pX") == ExpiryForm::kMilliseconds);
  CHECK(parse_expiry_form("eXaT") == ExpiryForm::kUnixSeconds);
  CHECK(parse_expiry_form("PXAT") == ExpiryForm::kUnixMilliseconds);
  CHECK(parse_expiry_form("EXA") == ExpiryForm::kNone);
  CHECK(parse_expiry_form("") == ExpiryForm::kNone);
}

TEST_CASE("deadlines are computed without overflow") {
  CHECK(deadline(10, ExpiryForm::kSeconds) == kNow + 10'000);
  CHECK(deadline(10, ExpiryForm::kMilliseconds) == kNow + 10);
  CHECK(deadline(10, ExpiryForm::kUnixSeconds) == 10'000);
  CHECK(deadline(10, ExpiryForm::kUnixMilliseconds) == 10);
  CHECK(deadline(-10, ExpiryForm::kSeconds) == kNow - 10'000);

  CHECK(deadline(INT64_MAX / 1000, ExpiryForm::kUnixSeconds) == INT64_MAX / 1000 * 1000);
  CHECK(deadline(INT64_MAX / 1000 + 1, ExpiryForm::kUnixSeconds) == -99);
  CHECK(deadline(INT64_MIN / 1000, ExpiryForm::kUnixSeconds) == INT64_MIN / 1000 * 1000);
  CHECK(deadline(INT64_MIN / 1000 - 1, ExpiryForm::kUnixSeconds) == -99);
  CHECK(deadline(INT64_MAX / 1000, ExpiryForm::kSeconds) == -99);
  CHECK(deadline(INT64_MAX - kNow, ExpiryForm::kMilliseconds) == INT64_MAX);
  CHECK(deadline(INT64_MAX - kNow + 1, ExpiryForm::kMilliseconds) == -99);
  CHECK(deadline(INT64_MIN, ExpiryForm::kMilliseconds) == INT64_MIN + kNow);
}

}  // namespace
}  // namespace starling::server
