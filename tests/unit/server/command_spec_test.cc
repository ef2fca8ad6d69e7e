// The declarations of all commands, against each other: what must hold of every one.
#include "server/execute/command_spec.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "server/commands/families.h"
#include "server/execute/command_table.h"

namespace starling::server {
namespace {

const CommandTable& table() {
  static const CommandTable all(all_families());
  return all;
}

const CommandSpec& spec_of(std::string_view full_name) {
  const Command* command = table().find_full(full_name);
  REQUIRE(command != nullptr);
  return *command->spec;
}

bool has_tip(const CommandSpec& spec, std::string_view tip) {
  return std::find(spec.docs.tips.begin(), spec.docs.tips.end(), tip) != spec.docs.tips.end();
}

template <typename Predicate>
std::vector<std::string> names_of(Predicate holds) {
  std::vector<std::string> names;
  for (const auto& command : table().all()) {
    if (holds(*command->spec)) names.push_back(command->full_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

using Names = std::vector<std::string>;

TEST_CASE("commands say whether they may hold their loop") {
  for (const char* name : {"smembers", "hgetall", "sunionstore", "sinter", "copy", "del", "mget", "restore",
                           "exec", "rename", "bitcount", "object|encoding"}) {
    CHECK_MESSAGE(spec_of(name).docs.work == Work::kHoldsLoop, name);
  }
  for (const char* name :
       {"get", "hget", "sismember", "keys", "scan", "save", "flushall", "publish", "client|list", "ping"}) {
    CHECK_MESSAGE(spec_of(name).docs.work != Work::kHoldsLoop, name);
  }
}

TEST_CASE("who is of O(N) says who does the work, or that N is small") {
  for (const auto& command : table().all()) {
    CAPTURE(command->full_name);
    const Documentation& docs = command->spec->docs;
    CHECK((docs.complexity.find("O(N") == std::string_view::npos || docs.work != Work::kLittle));
    for (size_t i = 1; i < docs.history.size(); ++i) CHECK(!docs.history[i].since.empty());
    CHECK(docs.deprecated.since.empty() == docs.deprecated.replaced_by.empty());
  }
}

TEST_CASE("every command with keys is about them, and no other is") {
  for (const auto& command : table().all()) {
    if (command->spec->handler == nullptr) continue;
    CAPTURE(command->full_name);
    CHECK(((command->spec->scope == Scope::kKeys) == command->has_keys));
    if ((command->spec->flags & kWholeKeyspace) != 0) CHECK((command->spec->scope == Scope::kKeyspace));
  }
}

TEST_CASE("flags and categories tell the same") {
  for (const auto& command : table().all()) {
    if (command->spec->handler == nullptr) continue;
    CAPTURE(command->full_name);
    const CommandSpec& spec = *command->spec;
    const auto same = [&](uint32_t flag, uint32_t category) {
      CHECK(((spec.flags & flag) != 0) == ((spec.categories & category) != 0));
    };
    same(kWrite, kCatWrite);
    // A script that only reads is in @scripting alone, as in Redis.
    if ((spec.flags & kScript) == 0) same(kReadOnly, kCatRead);
    same(kFast, kCatFast);
    CHECK(((spec.categories & kCatFast) != 0) != ((spec.categories & kCatSlow) != 0));
    CHECK((spec.flags & (kWrite | kReadOnly)) != (kWrite | kReadOnly));
  }
}

TEST_CASE("a command uses its keys as its flags say") {
  for (const auto& command : table().all()) {
    CAPTURE(command->full_name);
    const CommandSpec& spec = *command->spec;
    REQUIRE((spec.reads_before != nullptr));
    for (const KeySpecification& keys : spec.keys) {
      CHECK(keys.step > 0);
      CHECK((keys.first > 0 || (keys.first == 0 && !keys.keyword.empty())));
      // One of the four, as Redis wants it; except where nothing is a key.
      const int kind = keys.use & (kKeyRO | kKeyRW | kKeyOW | kKeyRM);
      if (keys.is_key()) CHECK((kind != 0 && (kind & (kind - 1)) == 0));
      if (keys.is_key() && (spec.flags & (kWrite | kMayReplicate)) == 0) CHECK(kind == kKeyRO);
      CHECK((((keys.use & kKeyVariable) != 0) == (spec.exact_use != nullptr)));
    }
  }
}

TEST_CASE("how replies join is what Redis's cluster clients are told") {
  for (const auto& command : table().all()) {
    CAPTURE(command->full_name);
    const CommandSpec& spec = *command->spec;
    if (spec.join == Join::kNone) continue;
    CHECK((spec.scope == Scope::kKeys || spec.scope == Scope::kKeyspace || spec.scope == Scope::kEveryNode));
    CHECK(has_tip(spec, "response_policy:one_succeeded") == (spec.join == Join::kAnyOk));
    CHECK(has_tip(spec, "request_policy:multi_shard") == (spec.scope == Scope::kKeys));
    CHECK(has_tip(spec, "response_policy:agg_sum") == (spec.join == Join::kSum));
    CHECK(has_tip(spec, "response_policy:all_succeeded") == (spec.join == Join::kStatus));
    // Their keys are all the arguments there are, a fixed number of values behind each.
    if (spec.scope == Scope::kKeys) {
      REQUIRE(spec.keys.size() == 1);
      CHECK(spec.keys.front().first == 1);
      CHECK(spec.keys.front().last == -1);
    }
  }
  // Redis splits MSETNX, too: there it is not atomic.
  CHECK((spec_of("msetnx").join == Join::kNone));
}

TEST_CASE("a command that tells of all keys says how the nodes' answers join, and only it and flushes may") {
  CHECK(names_of([](const CommandSpec& spec) { return spec.scope == Scope::kKeyspace; }) ==
        Names{"dbsize", "flushall", "flushdb", "keys", "randomkey", "scan", "swapdb"});
  for (const auto& command : table().all()) {
    CAPTURE(command->full_name);
    if (command->spec->scope == Scope::kKeyspace && (command->spec->flags & kWrite) == 0)
      CHECK((command->spec->join != Join::kNone));
  }
}

TEST_CASE("what a transaction does not queue") {
  const auto those = [](InMulti what) {
    return names_of([what](const CommandSpec& spec) { return spec.in_multi == what; });
  };
  CHECK(those(InMulti::kAnswered) == Names{"multi", "watch"});
  CHECK(those(InMulti::kEnds) == Names{"discard", "quit", "reset"});
  CHECK(those(InMulti::kExecutes) == Names{"exec"});
}

TEST_CASE("own flags are where they belong, and Redis's clients see none of them") {
  const auto those = [](uint32_t flag) {
    return names_of([flag](const CommandSpec& spec) { return (spec.flags & flag) != 0; });
  };
  CHECK(those(kInSubscribeMode) == Names{"ping", "psubscribe", "punsubscribe", "quit", "reset", "ssubscribe",
                                         "subscribe", "sunsubscribe", "unsubscribe"});
  CHECK(those(kWatchesKeys) == Names{"watch"});
  CHECK(those(kMerges) == Names{"expire", "expireat", "hdel", "hmset", "hset", "lpush", "persist", "pexpire",
                                "pexpireat", "pfadd", "rpush", "sadd", "srem", "vclock|del", "vclock|set",
                                "zrem"});
  CHECK(those(kEndsServer) == Names{"shutdown"});
  CHECK(those(kUnwraps) == Names{"quorum|exec"});
  for (int bit = 24; bit < 32; ++bit) CHECK(flag_name(bit).empty());
  CHECK(names_of([](const CommandSpec& spec) { return spec.renumbers != Renumbers::kNothing; }) ==
        Names{"select", "swapdb"});
}

}  // namespace
}  // namespace starling::server
