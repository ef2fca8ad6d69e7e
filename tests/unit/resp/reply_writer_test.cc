#include "resp/reply_writer.h"

#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <string>

#include "tests/unit/resp/output_text.h"

namespace starling::resp {
namespace {

std::string written(int protocol, const std::function<void(ReplyWriter&)>& write) {
  OutputBuffer output;
  ReplyWriter reply(output, protocol);
  write(reply);
  return text_of(output);
}

struct Case {
  std::function<void(ReplyWriter&)> write;
  std::string resp2;
  std::string resp3;
};

TEST_CASE("every type in both protocols") {
  const double infinity = std::numeric_limits<double>::infinity();
  const Case cases[] = {
      {[](ReplyWriter& r) { r.ok(); }, "+OK\r\n", "+OK\r\n"},
      {[](ReplyWriter& r) { r.simple_string("PONG"); }, "+PONG\r\n", "+PONG\r\n"},
      {[](ReplyWriter& r) { r.error("ERR no"); }, "-ERR no\r\n", "-ERR no\r\n"},
      {[](ReplyWriter& r) { r.error("ERR a\r\nb\n"); }, "-ERR a  b \r\n", "-ERR a  b \r\n"},
      {[](ReplyWriter& r) { r.integer(0); }, ":0\r\n", ":0\r\n"},
      {[](ReplyWriter& r) { r.integer(-1); }, ":-1\r\n", ":-1\r\n"},
      {[](ReplyWriter& r) { r.integer(INT64_MIN); }, ":-9223372036854775808\r\n",
       ":-9223372036854775808\r\n"},
      {[](ReplyWriter& r) { r.integer(INT64_MAX); }, ":9223372036854775807\r\n", ":9223372036854775807\r\n"},
      {[](ReplyWriter& r) { r.bulk(""); }, "$0\r\n\r\n", "$0\r\n\r\n"},
      {[](ReplyWriter& r) { r.bulk("0123456789"); }, "$10\r\n0123456789\r\n", "$10\r\n0123456789\r\n"},
      {[](ReplyWriter& r) { r.bulk(std::string_view("a\0\r\n", 4)); }, std::string("$4\r\na\0\r\n\r\n", 10),
       std::string("$4\r\na\0\r\n\r\n", 10)},
      {[](ReplyWriter& r) { r.bulk_integer(-12); }, "$3\r\n-12\r\n", "$3\r\n-12\r\n"},
      {[](ReplyWriter& r) { r.bulk_integer(INT64_MIN); }, "$20\r\n-9223372036854775808\r\n",
       "$20\r\n-9223372036854775808\r\n"},
      {[](ReplyWriter& r) { r.null(); }, "$-1\r\n", "_\r\n"},
      {[](ReplyWriter& r) { r.null_array(); }, "*-1\r\n", "_\r\n"},
      {[](ReplyWriter& r) { r.array(0); }, "*0\r\n", "*0\r\n"},
      {[](ReplyWriter& r) { r.array(1048576); }, "*1048576\r\n", "*1048576\r\n"},
      {[](ReplyWriter& r) { r.map(7); }, "*14\r\n", "%7\r\n"},
      {[](ReplyWriter& r) { r.set(3); }, "*3\r\n", "~3\r\n"},
      {[](ReplyWriter& r) { r.push(3); }, "*3\r\n", ">3\r\n"},
      {[](ReplyWriter& r) { r.real(3.141); }, "$5\r\n3.141\r\n", ",3.141\r\n"},
      {[](ReplyWriter& r) { r.real(1.1); }, "$18\r\n1.1000000000000001\r\n", ",1.1000000000000001\r\n"},
      {[](ReplyWriter& r) { r.real(3); }, "$1\r\n3\r\n", ",3\r\n"},
      {[&](ReplyWriter& r) { r.real(infinity); }, "$3\r\ninf\r\n", ",inf\r\n"},
      {[&](ReplyWriter& r) { r.real(-infinity); }, "$4\r\n-inf\r\n", ",-inf\r\n"},
      {[](ReplyWriter& r) { r.real(-std::numeric_limits<double>::quiet_NaN()); }, "$3\r\nnan\r\n",
       ",nan\r\n"},
      {[](ReplyWriter& r) { r.boolean(true); }, ":1\r\n", "#t\r\n"},
      {[](ReplyWriter& r) { r.boolean(false); }, ":0\r\n", "#f\r\n"},
      {[](ReplyWriter& r) { r.big_number("1234567999999999999999999999999999999"); },
       "$37\r\n1234567999999999999999999999999999999\r\n", "(1234567999999999999999999999999999999\r\n"},
      {[](ReplyWriter& r) { r.verbatim("txt", "some\ntext"); }, "$9\r\nsome\ntext\r\n",
       "=13\r\ntxt:some\ntext\r\n"},
      {[](ReplyWriter& r) { r.raw("+X\r\n"); }, "+X\r\n", "+X\r\n"},
  };
  for (const Case& test : cases) {
    CHECK(written(2, test.write) == test.resp2);
    CHECK(written(3, test.write) == test.resp3);
  }
  CHECK(written(3, [](ReplyWriter& r) { r.attribute(1); }) == "|1\r\n");
}

TEST_CASE("the protocol can change between replies") {
  OutputBuffer output;
  ReplyWriter reply(output, 2);
  CHECK(reply.protocol() == 2);
  reply.null();
  reply.set_protocol(3);
  CHECK(reply.protocol() == 3);
  reply.null();
  CHECK(text_of(output) == "$-1\r\n_\r\n");
}

TEST_CASE("bulks of every size around the limits, many in one buffer") {
  OutputBuffer output;
  ReplyWriter reply(output, 2);
  std::string expected;
  for (const size_t size :
       {1, 9, 10, 99, 100, 255, 256, 1023, 1024, 1025, 4095, 4096, 5000, 16384, 70000, 300000}) {
    for (int repeat = 0; repeat < 20; ++repeat) {
      const std::string bytes(size, static_cast<char>('a' + repeat));
      const std::string whole = "$" + std::to_string(size) + "\r\n" + bytes + "\r\n";
      reply.bulk(bytes);
      auto value = std::make_shared<const std::string>(bytes);
      const std::string_view view = *value;
      reply.bulk_shared(std::move(value), view);
      expected += whole + whole;
    }
  }
  const bool same = text_of(output) == expected;
  CHECK(same);
}

}  // namespace
}  // namespace starling::resp
