#include "server/cluster/forward_frame.h"

#include <doctest/doctest.h>

#include "server/cluster/forward_prefix.h"

using namespace starling::server;

TEST_CASE("forward frame: what is written is read, and nothing that is cut") {
  ForwardFrame frame;
  frame.origin = 300;
  frame.life = 0xfedcba9876543210;
  frame.settled = 1000;
  frame.repeated = true;
  frame.deadline_us = 1'700'000'000'000;
  frame.replies = 3;
  frame.requests = "*1\r\n$4\r\nPING\r\n";
  const std::string bytes = encode_forward(frame);
  ForwardFrame read;
  REQUIRE(decode_forward(bytes, &read));
  CHECK(read == frame);
  const size_t header = bytes.size() - frame.requests.size();
  for (size_t size = 0; size <= header; ++size) {
    const std::string_view cut = std::string_view(bytes).substr(0, size);
    // Its first number alone is a goodbye.
    const bool goodbye = size == 2;
    CHECK(decode_forward(cut, &read) == goodbye);
  }
}

TEST_CASE("forward frame: a goodbye names its client and nothing else") {
  ForwardFrame frame;
  frame.origin = 5;
  frame.life = 9;
  ForwardFrame read;
  REQUIRE(decode_forward(encode_forward(frame), &read));
  CHECK(read.origin == 5);
  CHECK(read.requests.empty());
}

TEST_CASE("forward prefix: with a scope, without one, and cut") {
  const std::string_view arguments[] = {"KEYS", "*"};
  ForwardPrefix prefix{3, 3, {}, std::nullopt};
  for (const bool scoped : {false, true}) {
    if (scoped) {
      PartitionScope scope;
      scope.epoch = 300;
      scope.end = 16000;
      scope.add(0);
      scope.add(9);
      prefix.scope = scope;
      CHECK(scope.reaches(9));
      CHECK_FALSE(scope.reaches(8));
      CHECK_FALSE(scope.reaches(100));
    }
    const std::string request = encode_forwarded(prefix, arguments);
    const size_t begin = request.find("FORWARDED\r\n$") + 12;
    const size_t length = static_cast<size_t>(std::stoi(request.substr(begin)));
    const std::string bytes = request.substr(request.find("\r\n", begin) + 2, length);
    ForwardPrefix read;
    REQUIRE(decode_prefix(bytes, &read));
    CHECK(read == prefix);
    const size_t without_scope = 9;
    for (size_t size = 0; size < bytes.size(); ++size) {
      if (scoped && size == without_scope) continue;
      CHECK_FALSE(decode_prefix(std::string_view(bytes).substr(0, size), &read));
    }
  }
}

namespace {

// As it was, and nothing less of it.
void check_comes_back(const ForwardPrefix& prefix, Arguments arguments) {
  const std::string request = encode_forwarded(prefix, arguments);
  const size_t begin = request.find("FORWARDED\r\n$") + 12;
  const size_t length = static_cast<size_t>(std::stoi(request.substr(begin)));
  const std::string bytes = request.substr(request.find("\r\n", begin) + 2, length);
  ForwardPrefix read;
  REQUIRE(decode_prefix(bytes, &read));
  CHECK(read == prefix);
  for (size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(decode_prefix(bytes.substr(0, size), &read));
}

}  // namespace

TEST_CASE("forward prefix: whose rules it follows") {
  const std::string_view arguments[] = {"GET", "key"};
  for (const char* user : {"a", "default", "somebody with a name longer than a short string's"}) {
    for (const int64_t waited_us : {int64_t{0}, int64_t{7}}) {
      ForwardPrefix prefix;
      prefix.user = user;
      prefix.waited_us = waited_us;
      check_comes_back(prefix, arguments);
    }
  }
}

TEST_CASE("forward prefix: for how long its client has waited") {
  const std::string_view arguments[] = {"BLPOP", "key", "0"};
  ForwardPrefix prefix;
  prefix.quorum.mode = starling::cluster::QuorumMode::kStrict;
  for (const int64_t waited_us : {int64_t{0}, int64_t{1}, int64_t{10'000'000}}) {
    prefix.waited_us = waited_us;
    prefix.tracked = waited_us != 1;
    check_comes_back(prefix, arguments);
  }
}
