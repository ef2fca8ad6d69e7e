#include "server/commands/server/debug_protocol.h"

#include "server/commands/arguments.h"
#include "server/execute/command_table.h"

namespace starling::server {
namespace {

using resp::ReplyWriter;

constexpr int kElements = 3;

void write_elements(ReplyWriter& reply) {
  for (int i = 0; i < kElements; ++i) reply.integer(i);
}

void write_array(ReplyWriter& reply) {
  reply.array(kElements);
  write_elements(reply);
}

void write_set(ReplyWriter& reply) {
  reply.set(kElements);
  write_elements(reply);
}

void write_map(ReplyWriter& reply) {
  reply.map(kElements);
  for (int i = 0; i < kElements; ++i) {
    reply.integer(i);
    reply.boolean(i == 1);
  }
}

void write_attribute(ReplyWriter& reply) {
  if (reply.protocol() >= 3) {
    reply.attribute(1);
    reply.bulk("key-popularity");
    reply.array(2);
    reply.bulk("key:123");
    reply.integer(90);
  }
  reply.bulk("Some real reply following the attribute");
}

void write_push(ReplyWriter& reply) {
  if (reply.protocol() < 3) return reply.error("ERR RESP2 is not supported by this command");
  reply.push(2);
  reply.bulk("server-cpu-usage");
  reply.integer(42);
  reply.bulk("Some real reply following the push reply");
}

struct Sample {
  std::string_view type;
  void (*write)(ReplyWriter& reply);
};

// The values are what the tests of clients expect.
constexpr Sample kSamples[] = {
    {"string", [](ReplyWriter& reply) { reply.bulk("Hello World"); }},
    {"integer", [](ReplyWriter& reply) { reply.integer(12345); }},
    {"double", [](ReplyWriter& reply) { reply.real(3.141); }},
    {"bignum", [](ReplyWriter& reply) { reply.big_number("1234567999999999999999999999999999999"); }},
    {"null", [](ReplyWriter& reply) { reply.null(); }},
    {"array", write_array},
    {"set", write_set},
    {"map", write_map},
    {"attrib", write_attribute},
    {"push", write_push},
    {"verbatim", [](ReplyWriter& reply) { reply.verbatim("txt", "This is a verbatim\nstring"); }},
    {"true", [](ReplyWriter& reply) { reply.boolean(true); }},
    {"false", [](ReplyWriter& reply) { reply.boolean(false); }},
};

}  // namespace

void debug_protocol(CommandContext& context) {
  for (const Sample& sample : kSamples) {
    if (equals_ignoring_case(context.argument(2), sample.type)) return sample.write(context.reply);
  }
  context.reply.error(
      "ERR Wrong protocol type name. Please use one of the following: "
      "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
}

}  // namespace starling::server
