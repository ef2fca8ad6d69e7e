#include "resp/output_buffer.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "tests/unit/resp/output_text.h"
#include "tests/unit/resp/seed.h"

namespace starling::resp {
namespace {

void append_shared(OutputBuffer* output, const std::string& bytes) {
  auto value = std::make_shared<const std::string>(bytes);
  const std::string_view view = *value;
  output->append_shared(std::move(value), view);
}

TEST_CASE("appends, partial sends, positions") {
  OutputBuffer output;
  CHECK(output.empty());
  CHECK(output.memory_bytes() == 0);
  output.append("hello ");
  output.append("");
  output.append("world");
  CHECK(text_of(output) == "hello world");
  CHECK(output.position() == 11);
  output.consume(6);
  CHECK(text_of(output) == "world");
  CHECK(output.consumed_position() == 6);
  CHECK(output.position() == 11);
  output.consume(5);
  CHECK(output.empty());
  CHECK(output.position() == 11);
}

TEST_CASE("small outputs reuse one chunk") {
  OutputBuffer output;
  output.append("x");
  struct iovec first;
  REQUIRE(output.gather(&first, 1) == 1);
  output.consume(1);
  const size_t memory_bytes = output.memory_bytes();
  for (int i = 0; i < 10000; ++i) {
    output.append("some reply");
    struct iovec again;
    REQUIRE(output.gather(&again, 1) == 1);
    REQUIRE(again.iov_base == first.iov_base);
    output.consume(10);
  }
  CHECK(output.memory_bytes() == memory_bytes);
}

TEST_CASE("big values are referenced, not copied, and released when sent") {
  OutputBuffer output;
  auto value = std::make_shared<const std::string>(std::string(100000, 'v'));
  output.append("head");
  output.append_shared(value, *value);
  output.append("tail");
  struct iovec vectors[4];
  REQUIRE(output.gather(vectors, 4) == 3);
  CHECK(vectors[1].iov_base == value->data());
  CHECK(vectors[1].iov_len == value->size());
  CHECK(output.memory_bytes() > 100000);
  CHECK(output.gather(vectors, 2) == 2);
  CHECK(value.use_count() == 2);
  output.consume(4 + 99999);
  CHECK(value.use_count() == 2);
  CHECK(text_of(output) == "vtail");
  output.consume(1);
  CHECK(value.use_count() == 1);
  CHECK(output.memory_bytes() < 20000);
  CHECK(text_of(output) == "tail");
}

TEST_CASE("the bytes around shared values share a chunk") {
  OutputBuffer output;
  const std::string value(1000, 'v');
  for (int i = 0; i < 200; ++i) {
    output.append("$1000\r\n");
    append_shared(&output, value);
    output.append("\r\n");
  }
  CHECK(output.memory_bytes() < 200 * 1000 + 70000);
}

TEST_CASE("memory goes back after a burst") {
  OutputBuffer output;
  const std::string line(100, 'x');
  for (int i = 0; i < 100000; ++i) output.append(line);
  CHECK(output.memory_bytes() >= 10000000);
  CHECK(output.memory_bytes() < 12000000);
  output.consume(output.size());
  CHECK(output.memory_bytes() < 20000);
  output.append("x");
  output.shrink();
  CHECK(text_of(output) == "x");
  output.consume(1);
  output.shrink();
  CHECK(output.memory_bytes() == 0);
  output.append("again");
  CHECK(text_of(output) == "again");
}

TEST_CASE("reserve() and advance()") {
  OutputBuffer output;
  std::string expected;
  for (size_t i = 0; i < 3000; ++i) {
    const size_t size = i % 50;
    char* out = output.reserve(100);
    std::memset(out, static_cast<int>('a' + i % 26), size);
    output.advance(out + size);
    expected.append(size, static_cast<char>('a' + i % 26));
  }
  CHECK(text_of(output) == expected);
}

TEST_CASE("splice moves everything and leaves the other usable") {
  OutputBuffer output;
  OutputBuffer other;
  output.append("a");
  other.append("bc");
  output.splice(std::move(other));
  CHECK(text_of(output) == "abc");
  append_shared(&other, std::string(500, 's'));
  other.append("d");
  other.consume(100);
  const size_t total_bytes = output.memory_bytes() + other.memory_bytes();
  output.splice(std::move(other));
  CHECK(text_of(output) == "abc" + std::string(400, 's') + "d");
  CHECK(other.empty());
  CHECK(output.memory_bytes() + other.memory_bytes() <= total_bytes + 1024);
  other.append("e");
  output.splice(std::move(other));
  output.splice(std::move(other));
  CHECK(text_of(output) == "abc" + std::string(400, 's') + "de");
  output.consume(output.size());
  CHECK(output.empty());
}

TEST_CASE("replace") {
  OutputBuffer output;
  output.append("+one\r\n");
  output.consume(2);
  const uint64_t from = output.position();
  output.append("+two\r\n");
  const uint64_t to = output.position();
  output.append("+three\r\n");
  output.replace(from, to, "-ERR failed\r\n");
  CHECK(text_of(output) == "ne\r\n-ERR failed\r\n+three\r\n");
  CHECK(output.position() == 20 - 6 + 13);
  output.replace(output.position(), output.position(), "end");
  output.replace(output.consumed_position(), output.position(), "all");
  CHECK(text_of(output) == "all");
}

TEST_CASE("replace at the begin leaves what follows in the same chunk alone") {
  OutputBuffer output;
  output.append("abcdef");
  output.replace(0, 1, "XYZ");
  CHECK(text_of(output) == "XYZbcdef");
  output.append("g");
  output.replace(0, 3, "");
  CHECK(text_of(output) == "bcdefg");
}

// Every operation against a plain string.
TEST_CASE("random operations agree with a string") {
  std::mt19937_64 random(test_seed("resp output buffer"));
  for (int round = 0; round < 50; ++round) {
    OutputBuffer output;
    OutputBuffer other;
    std::string expected;
    std::string expected_other;
    uint64_t consumed = 0;
    for (int step = 0; step < 300; ++step) {
      const std::string bytes(random() % (random() % 4 == 0 ? 20000 : 300),
                              static_cast<char>('a' + random() % 26));
      const size_t a = random() % (expected.size() + 1);
      const size_t b = random() % (expected.size() + 1);
      switch (random() % 10) {
        case 0:
        case 1:
          output.append(bytes);
          expected += bytes;
          break;
        case 2:
          append_shared(&output, bytes);
          expected += bytes;
          break;
        case 3:
          output.consume(a);
          expected.erase(0, a);
          consumed += a;
          break;
        case 4:
          if (random() % 4 != 0) break;
          output.truncate_to(consumed + a);
          expected.resize(a);
          break;
        case 5:
          output.replace(consumed + std::min(a, b), consumed + std::max(a, b), bytes);
          expected.replace(std::min(a, b), std::max(a, b) - std::min(a, b), bytes);
          break;
        case 6:
          append_shared(&other, bytes);
          expected_other += bytes;
          break;
        case 7:
          other.append(bytes);
          other.consume(std::min<size_t>(other.size(), 10));
          expected_other += bytes;
          expected_other.erase(0, 10);
          break;
        case 8:
          output.insert(consumed + a, std::move(other));
          expected.insert(a, expected_other);
          expected_other.clear();
          break;
        default:
          output.splice(std::move(other));
          expected += expected_other;
          expected_other.clear();
      }
      REQUIRE(output.position() == consumed + expected.size());
      REQUIRE(output.size() == expected.size());
      REQUIRE(output.memory_bytes() >= output.size());
    }
    const bool same = text_of(output) == expected && text_of(other) == expected_other;
    CHECK(same);
    output.consume(output.size());
    CHECK(output.memory_bytes() < 30000);
  }
}

}  // namespace
}  // namespace starling::resp
