#include "server/execute/command_metadata.h"

#include <doctest/doctest.h>

#include <string>

namespace starling::server {
namespace {

TEST_CASE("commands say whether they may hold their loop") {
  for (const char* name : {"smembers", "hgetall", "sunionstore", "sinter", "copy", "del", "mget", "restore",
                           "exec", "rename", "bitcount", "object|encoding"}) {
    CHECK_MESSAGE(may_hold_loop(name), name);
  }
  for (const char* name : {"get", "hget", "sismember", "keys", "scan", "save", "flushall", "publish",
                           "client|list", "ping", "no such command"}) {
    CHECK_FALSE_MESSAGE(may_hold_loop(name), name);
  }
}

}  // namespace
}  // namespace starling::server
