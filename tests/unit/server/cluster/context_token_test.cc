#include "server/cluster/context_token.h"

#include <doctest/doctest.h>

namespace starling::server {
namespace {

const engine::VersionVector kContext{{5, 1}, {9, 77}};

}  // namespace

TEST_CASE("contexts come back from clients as they were given") {
  const std::string text = make_token("secret", token_scope(0, "key"), kContext);
  const auto token = read_token("secret", text);
  REQUIRE(token);
  CHECK(token->context == kContext);
  CHECK(token->scope == token_scope(0, "key"));
  CHECK(token->scope != token_scope(1, "key"));
  CHECK(token->scope != token_scope(0, "other"));
}

TEST_CASE("no context is one too") {
  const auto token = read_token("secret", "");
  REQUIRE(token);
  CHECK(token->context.empty());
  CHECK(token->scope == 0);
}

TEST_CASE("changed, cut and forged contexts are refused") {
  const std::string text = make_token("secret", 7, kContext);
  CHECK_FALSE(read_token("another", text));
  CHECK_FALSE(read_token("secret", text + "A"));
  CHECK_FALSE(read_token("secret", " " + text));
  CHECK_FALSE(read_token("secret", std::string(100'000, 'A')));
  for (size_t size = 1; size < text.size(); ++size) CHECK_FALSE(read_token("secret", text.substr(0, size)));
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CHECK_FALSE(read_token("secret", changed));
  }
}

}  // namespace starling::server
