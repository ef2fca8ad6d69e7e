#include "server/session/held_replies.h"

#include <doctest/doctest.h>
#include <sys/uio.h>

#include <string>

namespace starling::server {
namespace {

std::string sendable(const HeldReplies& held, const resp::OutputBuffer& output) {
  iovec pieces[64];
  std::string text;
  const size_t count = output.gather(pieces, 64);
  for (size_t i = 0; i < count; ++i)
    text.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  return text.substr(0, held.sendable_position(output) - output.consumed_position());
}

}  // namespace

TEST_CASE("what stands behind a held reply waits with it") {
  resp::OutputBuffer output;
  HeldReplies held;
  output.append("a");
  uint64_t from = output.position();
  output.append("b");
  held.hold(1, from, output);
  from = output.position();
  output.append("c");
  held.hold(2, from, output);
  output.append("d");
  CHECK(sendable(held, output) == "a");
  held.release(2);
  CHECK(sendable(held, output) == "a");
  held.release(7);
  held.release(1);
  CHECK(sendable(held, output) == "abcd");
  CHECK(held.empty());
}

TEST_CASE("answers take their places, in whatever order they come") {
  resp::OutputBuffer output;
  HeldReplies held;
  held.hold(1, output.position(), output);
  held.hold(2, output.position(), output);
  output.append("-local-");
  held.hold(3, output.position(), output);
  CHECK(held.release_with(2, "two", &output).change == 3);
  CHECK(held.release_with(3, "three", &output).change == 5);
  CHECK(sendable(held, output).empty());
  CHECK(held.release_with(1, "one", &output).change == 3);
  CHECK(sendable(held, output) == "onetwo-local-three");
}

TEST_CASE("an error takes the place of the reply of a write, and what follows moves") {
  resp::OutputBuffer output;
  HeldReplies held;
  output.append("+OK\r\n");
  held.hold(1, 0, output);
  const uint64_t from = output.position();
  output.append(":1\r\n");
  held.hold(2, from, output);
  {
    const HeldReplies::Replaced replaced = held.release_with(1, "-E\r\n", &output);
    CHECK(replaced.change == -1);
    CHECK(replaced.to == 5);
  }
  CHECK(sendable(held, output) == "-E\r\n");
  held.release(2);
  CHECK(sendable(held, output) == "-E\r\n:1\r\n");
}

TEST_CASE("positions stay true when output was sent meanwhile") {
  resp::OutputBuffer output;
  HeldReplies held;
  output.append("sent");
  held.hold(1, output.position(), output);
  output.append("later");
  output.consume(4);
  (void)held.release_with(1, "now", &output);
  CHECK(sendable(held, output) == "nowlater");
}

TEST_CASE("replies side by side wait as one, and each gives way to the error") {
  resp::OutputBuffer output;
  HeldReplies held;
  output.append("a");
  uint64_t from = output.position();
  output.append("b");
  held.hold(1, from, output);
  from = output.position();
  output.append("c");
  CHECK_FALSE(held.extend(2, from, output));
  CHECK(held.extend(1, from, output));
  output.append("d");
  from = output.position();
  output.append("e");
  CHECK_FALSE(held.extend(1, from, output));  // Something stands in between.
  held.hold(3, from, output);
  CHECK(sendable(held, output) == "a");
  {
    const HeldReplies::Replaced replaced = held.release_with(1, "-E", &output);
    CHECK(replaced.change == 2);
    CHECK(replaced.to == 3);
  }
  CHECK(sendable(held, output) == "a-E-Ed");
  from = output.position();
  output.append("f");
  CHECK_FALSE(held.extend(1, from, output));  // It is gone.
  held.release(3);
  CHECK(sendable(held, output) == "a-E-Edef");
}

TEST_CASE("a reply that was replaced while it was held keeps its place") {
  resp::OutputBuffer output;
  HeldReplies held;
  const auto add = [&](uint64_t id) {
    const uint64_t from = output.position();
    output.append("+OK");
    if (!held.extend(id, from, output)) held.hold(id, from, output);
  };
  add(1);
  add(1);
  add(2);
  // From the last to the first, as a failed commit does it.
  for (const uint64_t from : {6, 3, 0}) {
    output.replace(from, from + 3, "-MISCONF");
    held.moved(from + 3, 5);
  }
  CHECK(held.release_with(1, "-NOQUORUM", &output).change == 2);
  CHECK(sendable(held, output) == "-NOQUORUM-NOQUORUM");
  held.release(2);
  CHECK(sendable(held, output) == "-NOQUORUM-NOQUORUM-MISCONF");
}

}  // namespace starling::server
