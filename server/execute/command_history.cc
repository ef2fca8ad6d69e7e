#include "server/execute/command_history.h"

#include <algorithm>

namespace starling::server {
namespace {

constexpr std::string_view kExpiryConditions = "NX, XX, GT and LT.";
constexpr std::string_view kAbsentKey = "-2 for a key that does not exist.";

// By name.
constexpr CommandChange kChanges[] = {
    {"auth", "6.0.0", "A user's name before the password."},
    {"bgsave", "3.2.2", "SCHEDULE."},
    {"bitcount", "7.0.0", "BYTE and BIT."},
    {"bitpos", "7.0.0", "BYTE and BIT."},
    {"client|kill", "2.8.12", "Filters by name and value."},
    {"client|kill", "2.8.12", "ID."},
    {"client|kill", "3.2.0", "TYPE master."},
    {"client|kill", "5.0.0", "TYPE replica; slave stays as another name for it."},
    {"client|kill", "6.2.0", "LADDR."},
    {"client|list", "2.8.12", "The field id."},
    {"client|list", "5.0.0", "TYPE."},
    {"client|list", "6.0.0", "The field user."},
    {"client|list", "6.2.0", "The fields argv-mem, tot-mem, laddr and redir; ID."},
    {"client|list", "7.0.0", "The fields resp, multi-mem, rbs and rbp."},
    {"client|list", "7.0.3", "The field ssub."},
    {"client|pause", "6.2.0", "WRITE and ALL."},
    {"cluster|meet", "4.0.0", "The bus port."},
    {"cluster|slots", "4.0.0", "Ids of nodes."},
    {"cluster|slots", "7.0.0", "More about how nodes are reached."},
    {"command|info", "7.0.0", "Without names, all commands."},
    {"config|get", "7.0.0", "Several patterns."},
    {"config|set", "7.0.0", "Several settings."},
    {"exists", "3.0.3", "Several keys."},
    {"expire", "7.0.0", kExpiryConditions},
    {"expireat", "7.0.0", kExpiryConditions},
    {"flushall", "4.0.0", "ASYNC."},
    {"flushall", "6.2.0", "SYNC."},
    {"flushdb", "4.0.0", "ASYNC."},
    {"flushdb", "6.2.0", "SYNC."},
    {"hdel", "2.4.0", "Several fields."},
    {"hello", "6.2.0", "Without a version, what is in force."},
    {"hset", "4.0.0", "Several fields and values."},
    {"info", "7.0.0", "Several sections."},
    {"pexpire", "7.0.0", kExpiryConditions},
    {"pexpireat", "7.0.0", kExpiryConditions},
    {"pttl", "2.8.0", kAbsentKey},
    {"renamenx", "3.2.0", "No error any more when both names are the same."},
    {"restore", "3.0.0", "REPLACE."},
    {"restore", "5.0.0", "ABSTTL."},
    {"restore", "5.0.0", "IDLETIME and FREQ."},
    {"sadd", "2.4.0", "Several members."},
    {"scan", "6.0.0", "TYPE."},
    {"set", "2.6.12", "EX, PX, NX and XX."},
    {"set", "6.0.0", "KEEPTTL."},
    {"set", "6.2.0", "GET, EXAT and PXAT."},
    {"set", "7.0.0", "NX and GET together."},
    {"shutdown", "7.0.0", "NOW, FORCE and ABORT."},
    {"slowlog|get", "4.0.0", "The client's address and name."},
    {"spop", "3.2.0", "A count."},
    {"srandmember", "2.6.0", "A count."},
    {"srem", "2.4.0", "Several members."},
    {"ttl", "2.8.0", kAbsentKey},
};

struct ByName {
  bool operator()(const CommandChange& change, std::string_view name) const { return change.name < name; }
  bool operator()(std::string_view name, const CommandChange& change) const { return name < change.name; }
};

}  // namespace

std::span<const CommandChange> command_history(std::string_view full_name) {
  const auto [first, last] = std::equal_range(std::begin(kChanges), std::end(kChanges), full_name, ByName());
  return {first, last};
}

}  // namespace starling::server
