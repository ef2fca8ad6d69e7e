#include "server/commands/strings/string_options.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starling::server {
namespace {

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const size_t space = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, space));
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return words;
}

std::optional<StringOptions> set_options(std::string_view request) {
  StringOptions options;
  return parse_set_options(words_of(request), &options) ? std::optional(options) : std::nullopt;
}

std::optional<StringOptions> getex_options(std::string_view request) {
  StringOptions options;
  return parse_getex_options(words_of(request), &options) ? std::optional(options) : std::nullopt;
}

TEST_CASE("SET: options that go together") {
  CHECK(set_options("SET k v"));
  const auto nx = set_options("SET k v nx GET ex 10");
  REQUIRE(nx);
  CHECK(nx->if_absent);
  CHECK(nx->get);
  CHECK_FALSE(nx->if_present);
  CHECK(nx->expiry == ExpiryForm::kSeconds);
  CHECK(nx->expiry_index == 6);
  const auto xx = set_options("SET k v XX KEEPTTL");
  REQUIRE(xx);
  CHECK(xx->if_present);
  CHECK(xx->keep_deadline);
  CHECK(set_options("SET k v NX NX"));
  const auto twice = set_options("SET k v EX 10 EX 20");
  REQUIRE(twice);
  CHECK(twice->expiry_index == 6);
}

TEST_CASE("SET: options that exclude each other, miss their amount or do not exist") {
  for (const std::string_view request :
       {"SET k v NX XX", "SET k v XX NX", "SET k v EX", "SET k v PXAT", "SET k v EX 1 PX 1",
        "SET k v EX 1 KEEPTTL", "SET k v KEEPTTL EXAT 1", "SET k v PERSIST", "SET k v bogus",
        "SET k v NX 1"}) {
    CAPTURE(request);
    CHECK_FALSE(set_options(request));
  }
}

TEST_CASE("GETEX") {
  CHECK(getex_options("GETEX k"));
  CHECK(getex_options("GETEX k PERSIST")->remove_deadline);
  CHECK(getex_options("GETEX k PERSIST persist"));
  CHECK(getex_options("GETEX k PXAT 5")->expiry == ExpiryForm::kUnixMilliseconds);
  CHECK(getex_options("GETEX k PXAT 5")->expiry_index == 3);
  for (const std::string_view request :
       {"GETEX k NX", "GETEX k GET", "GETEX k KEEPTTL", "GETEX k EX", "GETEX k PERSIST EX 1",
        "GETEX k EX 1 PERSIST", "GETEX k EX 1 PX 1"}) {
    CAPTURE(request);
    CHECK_FALSE(getex_options(request));
  }
}

}  // namespace
}  // namespace starling::server
