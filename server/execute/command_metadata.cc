#include "server/execute/command_metadata.h"

#include <algorithm>
#include <iterator>
#include <span>

namespace starling::server {
namespace {

struct NamedSpecification {
  std::string_view name;
  KeySpecification specification;
};

// Commands that do not treat all their keys alike, or find them otherwise than by first, last and step.
constexpr NamedSpecification kSpecifications[] = {
    {"bitop", {.use = kKeyOW | kKeyUpdate, .first = 2, .last = 0, .step = 1}},
    {"bitop", {.use = kKeyRO | kKeyAccess, .first = 3, .last = -1, .step = 1}},
    {"copy", {.use = kKeyRO | kKeyAccess, .first = 1, .last = 0, .step = 1}},
    {"copy", {.use = kKeyOW | kKeyUpdate, .first = 2, .last = 0, .step = 1}},
    {"rename", {.use = kKeyRW | kKeyAccess | kKeyDelete, .first = 1, .last = 0, .step = 1}},
    {"rename", {.use = kKeyOW | kKeyUpdate, .first = 2, .last = 0, .step = 1}},
    {"renamenx", {.use = kKeyRW | kKeyAccess | kKeyDelete, .first = 1, .last = 0, .step = 1}},
    {"renamenx", {.use = kKeyOW | kKeyInsert, .first = 2, .last = 0, .step = 1}},
    {"sdiffstore", {.use = kKeyOW | kKeyUpdate, .first = 1, .last = 0, .step = 1}},
    {"sdiffstore", {.use = kKeyRO | kKeyAccess, .first = 2, .last = -1, .step = 1}},
    {"sintercard", {.use = kKeyRO | kKeyAccess, .first = 1, .counted = true}},
    {"sinterstore", {.use = kKeyRW | kKeyUpdate, .first = 1, .last = 0, .step = 1}},
    {"sinterstore", {.use = kKeyRO | kKeyAccess, .first = 2, .last = -1, .step = 1}},
    {"smove", {.use = kKeyRW | kKeyAccess | kKeyDelete, .first = 1, .last = 0, .step = 1}},
    {"smove", {.use = kKeyRW | kKeyInsert, .first = 2, .last = 0, .step = 1}},
    {"sunionstore", {.use = kKeyOW | kKeyUpdate, .first = 1, .last = 0, .step = 1}},
    {"sunionstore", {.use = kKeyRO | kKeyAccess, .first = 2, .last = -1, .step = 1}},
};

// Of O(N), by other threads.
constexpr std::string_view kWorkElsewhere[] = {
    "cluster|getkeysinslot", "flushall", "flushdb", "keys", "lcs", "save", "scan", "shutdown"};
// Of O(N) where N is never large: clients, nodes, channels, settings, commands.
constexpr std::string_view kOfFewThings[] = {
    "auth",
    "client|kill",
    "client|list",
    "client|unpause",
    "cluster|count-failure-reports",
    "cluster|keyslot",
    "cluster|links",
    "cluster|nodes",
    "cluster|replicas",
    "cluster|shards",
    "cluster|slaves",
    "cluster|slots",
    "command",
    "command|docs",
    "command|getkeys",
    "command|getkeysandflags",
    "command|info",
    "command|list",
    "config|get",
    "config|set",
    "discard",
    "hscan",
    "latency|histogram",
    "psubscribe",
    "publish",
    "pubsub|channels",
    "pubsub|numsub",
    "pubsub|shardchannels",
    "pubsub|shardnumsub",
    "punsubscribe",
    "slowlog|get",
    "slowlog|reset",
    "spublish",
    "sscan",
    "ssubscribe",
    "subscribe",
    "sunsubscribe",
    "swapdb",
    "unsubscribe",
    "watch",
};
// Of another complexity in Redis. MOVE and RENAME in a cluster, where they copy.
constexpr std::string_view kHoldLoopAllTheSame[] = {
    "append", "dump",     "exec", "hset",        "move", "object|encoding", "rename", "renamenx", "restore",
    "sadd",   "setrange", "spop", "srandmember", "srem", "unlink"};

// By name.
constexpr CommandMetadata kMetadata[] = {
    {"acl|whoami", "O(1)"},
    {"append", "O(1)"},
    {"asking", "O(1)"},
    {"auth", "O(N)"},
    {"bgsave", "O(1)"},
    {"bitcount", "O(N)"},
    {"bitfield", "O(1)"},
    {"bitfield_ro", "O(1)"},
    {"bitop", "O(N)"},
    {"bitpos", "O(N)"},
    {"client|caching", "O(1)"},
    {"client|getname", "O(1)"},
    {"client|getredir", "O(1)"},
    {"client|id", "O(1)"},
    {"client|info", "O(1)", {"nondeterministic_output"}},
    {"client|kill", "O(N)"},
    {"client|list", "O(N)", {"nondeterministic_output"}},
    {"client|no-evict", "O(1)"},
    {"client|pause", "O(1)"},
    {"client|reply", "O(1)"},
    {"client|setname", "O(1)"},
    {"client|tracking", "O(1)"},
    {"client|trackinginfo", "O(1)"},
    {"client|unblock", "O(log N)"},
    {"client|unpause", "O(N)"},
    {"cluster|count-failure-reports", "O(N)", {"nondeterministic_output"}},
    {"cluster|countkeysinslot", "O(1)"},
    {"cluster|forget", "O(1)"},
    {"cluster|getkeysinslot", "O(N)", {"nondeterministic_output"}},
    {"cluster|info", "O(1)", {"nondeterministic_output"}},
    {"cluster|keyslot", "O(N)"},
    {"cluster|links", "O(N)", {"nondeterministic_output"}},
    {"cluster|meet", "O(1)"},
    {"cluster|myid", "O(1)"},
    {"cluster|nodes", "O(N)", {"nondeterministic_output"}},
    {"cluster|replicas", "O(N)", {"nondeterministic_output"}},
    {"cluster|shards", "O(N)", {"nondeterministic_output"}},
    {"cluster|slaves", "O(N)", {"nondeterministic_output"}},
    {"cluster|slots", "O(N)", {"nondeterministic_output"}},
    {"command", "O(N)", {"nondeterministic_output_order"}},
    {"command|count", "O(1)"},
    {"command|docs", "O(N)", {"nondeterministic_output_order"}},
    {"command|getkeys", "O(N)"},
    {"command|getkeysandflags", "O(N)"},
    {"command|info", "O(N)", {"nondeterministic_output_order"}},
    {"command|list", "O(N)", {"nondeterministic_output_order"}},
    {"config|get", "O(N)"},
    {"config|resetstat", "O(1)"},
    {"config|rewrite", "O(1)"},
    {"config|set", "O(N)", {"request_policy:all_nodes", "response_policy:all_succeeded"}},
    {"copy", "O(N)"},
    {"dbsize", "O(1)", {"request_policy:all_shards", "response_policy:agg_sum"}},
    {"decr", "O(1)"},
    {"decrby", "O(1)"},
    {"del", "O(N)", {"request_policy:multi_shard", "response_policy:agg_sum"}},
    {"discard", "O(N)"},
    {"dump", "O(1)", {"nondeterministic_output"}},
    {"echo", "O(1)"},
    {"exists", "O(N)", {"request_policy:multi_shard", "response_policy:agg_sum"}},
    {"expire", "O(1)"},
    {"expireat", "O(1)"},
    {"expiretime", "O(1)"},
    {"flushall", "O(N)", {"request_policy:all_shards", "response_policy:all_succeeded"}},
    {"flushdb", "O(N)", {"request_policy:all_shards", "response_policy:all_succeeded"}},
    {"function|list", "O(N)", {"nondeterministic_output_order"}},
    {"get", "O(1)"},
    {"getbit", "O(1)"},
    {"getdel", "O(1)"},
    {"getex", "O(1)"},
    {"getrange", "O(N)"},
    {"getset", "O(1)"},
    {"hdel", "O(N)"},
    {"hello", "O(1)"},
    {"hexists", "O(1)"},
    {"hget", "O(1)"},
    {"hgetall", "O(N)", {"nondeterministic_output_order"}},
    {"hincrby", "O(1)"},
    {"hincrbyfloat", "O(1)"},
    {"hkeys", "O(N)", {"nondeterministic_output_order"}},
    {"hlen", "O(1)"},
    {"hmget", "O(N)"},
    {"hmset", "O(N)"},
    {"hrandfield", "O(N)", {"nondeterministic_output"}},
    {"hscan", "O(1)", {"nondeterministic_output"}},
    {"hset", "O(1)"},
    {"hsetnx", "O(1)"},
    {"hstrlen", "O(1)"},
    {"hvals", "O(N)", {"nondeterministic_output_order"}},
    {"incr", "O(1)"},
    {"incrby", "O(1)"},
    {"incrbyfloat", "O(1)"},
    {"info", "O(1)", {"nondeterministic_output", "request_policy:all_shards", "response_policy:special"}},
    {"keys", "O(N)", {"request_policy:all_shards", "nondeterministic_output_order"}},
    {"lastsave", "O(1)", {"nondeterministic_output"}},
    {"latency|doctor",
     "O(1)",
     {"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"}},
    {"latency|graph",
     "O(1)",
     {"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"}},
    {"latency|histogram",
     "O(N)",
     {"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"}},
    {"latency|history",
     "O(1)",
     {"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"}},
    {"latency|latest",
     "O(1)",
     {"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"}},
    {"latency|reset", "O(1)", {"request_policy:all_nodes", "response_policy:all_succeeded"}},
    {"lcs", "O(N*M)"},
    {"memory|doctor",
     "O(1)",
     {"nondeterministic_output", "request_policy:all_shards", "response_policy:special"}},
    {"memory|malloc-stats",
     "",
     {"nondeterministic_output", "request_policy:all_shards", "response_policy:special"}},
    {"memory|purge", "", {"request_policy:all_shards", "response_policy:all_succeeded"}},
    {"memory|stats",
     "O(1)",
     {"nondeterministic_output", "request_policy:all_shards", "response_policy:special"}},
    {"memory|usage", "O(N)"},
    {"mget", "O(N)", {"request_policy:multi_shard"}},
    {"module|list", "O(N)", {"nondeterministic_output_order"}},
    {"move", "O(1)"},
    {"mset", "O(N)", {"request_policy:multi_shard", "response_policy:all_succeeded"}},
    {"msetnx", "O(N)", {"request_policy:multi_shard", "response_policy:agg_min"}},
    {"multi", "O(1)"},
    {"object|encoding", "O(1)", {"nondeterministic_output"}},
    {"object|freq", "O(1)", {"nondeterministic_output"}},
    {"object|idletime", "O(1)", {"nondeterministic_output"}},
    {"object|refcount", "O(1)", {"nondeterministic_output"}},
    {"persist", "O(1)"},
    {"pexpire", "O(1)"},
    {"pexpireat", "O(1)"},
    {"pexpiretime", "O(1)"},
    {"ping", "O(1)", {"request_policy:all_shards", "response_policy:all_succeeded"}},
    {"psetex", "O(1)"},
    {"psubscribe", "O(N)"},
    {"pttl", "O(1)", {"nondeterministic_output"}},
    {"publish", "O(N+M)"},
    {"pubsub|channels", "O(N)"},
    {"pubsub|numpat", "O(1)"},
    {"pubsub|numsub", "O(N)"},
    {"pubsub|shardchannels", "O(N)"},
    {"pubsub|shardnumsub", "O(N)"},
    {"punsubscribe", "O(N+M)"},
    {"quit", "O(1)"},
    {"randomkey", "O(1)", {"request_policy:all_shards", "nondeterministic_output"}},
    {"rename", "O(1)"},
    {"renamenx", "O(1)"},
    {"reset", "O(1)"},
    {"restore", "O(1)"},
    {"role", "O(1)"},
    {"sadd", "O(1)"},
    {"save", "O(N)"},
    {"scan", "O(1)", {"nondeterministic_output", "request_policy:special"}},
    {"scard", "O(1)"},
    {"sdiff", "O(N)", {"nondeterministic_output_order"}},
    {"sdiffstore", "O(N)"},
    {"select", "O(1)"},
    {"set", "O(1)"},
    {"setbit", "O(1)"},
    {"setex", "O(1)"},
    {"setnx", "O(1)"},
    {"setrange", "O(1)"},
    {"shutdown", "O(N)"},
    {"sinter", "O(N*M)", {"nondeterministic_output_order"}},
    {"sintercard", "O(N*M)"},
    {"sinterstore", "O(N*M)"},
    {"sismember", "O(1)"},
    {"slowlog|get", "O(N)", {"request_policy:all_nodes", "nondeterministic_output"}},
    {"slowlog|len",
     "O(1)",
     {"request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"}},
    {"slowlog|reset", "O(N)", {"request_policy:all_nodes", "response_policy:all_succeeded"}},
    {"smembers", "O(N)", {"nondeterministic_output_order"}},
    {"smismember", "O(N)"},
    {"smove", "O(1)"},
    {"spop", "O(N)", {"nondeterministic_output"}},
    {"spublish", "O(N)"},
    {"srandmember", "O(N)", {"nondeterministic_output"}},
    {"srem", "O(N)"},
    {"sscan", "O(1)", {"nondeterministic_output"}},
    {"ssubscribe", "O(N)"},
    {"strlen", "O(1)"},
    {"subscribe", "O(N)"},
    {"substr", "O(N)"},
    {"sunion", "O(N)", {"nondeterministic_output_order"}},
    {"sunionstore", "O(N)"},
    {"sunsubscribe", "O(N)"},
    {"swapdb", "O(N)"},
    {"time", "O(1)", {"nondeterministic_output"}},
    {"touch", "O(N)", {"request_policy:multi_shard", "response_policy:agg_sum"}},
    {"ttl", "O(1)", {"nondeterministic_output"}},
    {"type", "O(1)"},
    {"unlink", "O(1)", {"request_policy:multi_shard", "response_policy:agg_sum"}},
    {"unsubscribe", "O(N)"},
    {"unwatch", "O(1)"},
    {"wait", "O(1)", {"request_policy:all_shards", "response_policy:agg_min"}},
    {"watch", "O(1)"},
};

constexpr Deprecation kDeprecations[] = {
    {"cluster|slaves", "5.0.0", "CLUSTER REPLICAS"},
    {"cluster|slots", "7.0.0", "CLUSTER SHARDS"},
    {"getset", "6.2.0", "SET with GET"},
    {"hmset", "4.0.0", "HSET with several pairs"},
    {"substr", "2.0.0", "GETRANGE"},
};

bool has_word(Arguments arguments, size_t from, std::initializer_list<std::string_view> words) {
  for (size_t i = from; i < arguments.size(); ++i) {
    for (const std::string_view word : words) {
      if (equals_ignoring_case(arguments[i], word)) return true;
    }
  }
  return false;
}

// What a command with kKeyVariable does with its key, given these arguments.
uint16_t exact_use(std::string_view name, Arguments arguments, uint16_t use) {
  use = static_cast<uint16_t>(use & ~kKeyVariable);
  if (name == "set") return has_word(arguments, 3, {"get"}) ? use : uint16_t{kKeyOW | kKeyUpdate};
  if (name == "bitfield" && !has_word(arguments, 2, {"set", "incrby"})) return kKeyRO | kKeyAccess;
  return use;
}

}  // namespace

bool KeySpecification::covers(int position, size_t argument_count) const {
  if (counted) return position > first;
  const int end = last < 0 ? static_cast<int>(argument_count) + last : first + last;
  return position >= first && position <= end && (position - first) % step == 0;
}

const CommandMetadata* find_metadata(std::string_view full_name) {
  const auto found = std::lower_bound(
      std::begin(kMetadata), std::end(kMetadata), full_name,
      [](const CommandMetadata& metadata, std::string_view name) { return metadata.name < name; });
  return found != std::end(kMetadata) && found->name == full_name ? found : nullptr;
}

const Deprecation* find_deprecation(std::string_view full_name) {
  const auto found = std::find_if(std::begin(kDeprecations), std::end(kDeprecations),
                                  [&](const Deprecation& entry) { return entry.name == full_name; });
  return found != std::end(kDeprecations) ? found : nullptr;
}

bool may_hold_loop(std::string_view full_name) {
  const auto among = [&](std::span<const std::string_view> names) {
    return std::find(names.begin(), names.end(), full_name) != names.end();
  };
  if (among(kHoldLoopAllTheSame)) return true;
  const CommandMetadata* metadata = find_metadata(full_name);
  return metadata != nullptr && !among(kWorkElsewhere) && !among(kOfFewThings) &&
         metadata->complexity.find("O(N") != std::string_view::npos;
}

bool is_system_command(std::string_view full_name) {
  return full_name == "debug";
}

std::vector<KeySpecification> key_specifications(const Command& command) {
  std::vector<KeySpecification> found;
  for (const NamedSpecification& entry : kSpecifications) {
    if (entry.name == command.full_name) found.push_back(entry.specification);
  }
  const KeyPositions& keys = command.spec->keys;
  if (found.empty() && keys.first != 0) {
    found.push_back({.use = command.spec->key_use,
                     .first = keys.first,
                     .last = keys.last < 0 ? keys.last : keys.last - keys.first,
                     .step = std::max(keys.step, 1)});
  }
  return found;
}

uint16_t key_use_at(const Command& command, Arguments arguments, int position) {
  for (const KeySpecification& specification : key_specifications(command)) {
    if (!specification.covers(position, arguments.size())) continue;
    return (specification.use & kKeyVariable) != 0
               ? exact_use(command.full_name, arguments, specification.use)
               : specification.use;
  }
  return command.spec->key_use;
}

std::string_view key_use_name(int bit) {
  static constexpr std::string_view kNames[] = {
      "RO", "RW", "OW", "RM", "access", "update", "insert", "delete", "variable_flags", "not_key"};
  return bit >= 0 && bit < static_cast<int>(std::size(kNames)) ? kNames[bit] : std::string_view();
}

}  // namespace starling::server
