#include "server/config/setting_spec.h"

namespace starling::server {
namespace {

using enum SettingKind;

constexpr SettingChoice kDebugChoices[] = {{"no", static_cast<int>(DebugCommand::kNo)},
                                           {"yes", static_cast<int>(DebugCommand::kYes)},
                                           {"local", static_cast<int>(DebugCommand::kLocal)}};

constexpr SettingChoice kPubsubDefault[] = {{"allchannels", 1}, {"resetchannels", 0}};

const SettingSpec kSettings[] = {
    {.name = "bind",
     .kind = kWords,
     .default_text = "127.0.0.1 -::1",
     .field = &Settings::bind,
     .flags = kFixed,
     .documentation =
         "Addresses to listen on. A '-' before one means that its absence is no error; * and -::* mean every "
         "address. The "
         "default keeps the server to this machine: open it to a network together with requirepass."},
    {.name = "port",
     .kind = kInteger,
     .default_text = "6379",
     .field = &Settings::port,
     .flags = kFixed | kValueFirst,
     .maximum = 65535,
     .documentation = "TCP port without TLS. 0: none, only 'tls-port' and the Unix socket. The default is "
                      "the one that clients try by themselves."},
    {.name = "tcp-backlog",
     .kind = kInteger,
     .default_text = "511",
     .field = &Settings::tcp_backlog,
     .flags = kFixed,
     .maximum = std::numeric_limits<int32_t>::max(),
     .documentation = "Connections the system may queue before they are accepted; it silently caps this at "
                      "net.core.somaxconn. Enough "
                      "for a pool of clients that all reconnect at once."},
    {.name = "unixsocket",
     .kind = kText,
     .default_text = "\"\"",
     .field = &Settings::unix_socket,
     .flags = kFixed,
     .documentation = "Path of a Unix socket to listen on as well. Empty: none."},
    {.name = "unixsocketperm",
     .kind = kOctal,
     .default_text = "0",
     .field = &Settings::unix_socket_mode,
     .flags = kFixed,
     .maximum = 0777,
     .documentation = "Mode of the Unix socket, in octal, such as 770. 0 leaves it to the umask."},
    {.name = "io-threads",
     .kind = kInteger,
     .default_text = "0",
     .field = &Settings::io_threads,
     .flags = kFixed,
     .maximum = 128,
     .documentation = "Threads that serve clients, each with connections of its own; all of them read, "
                      "execute and write. Commands on "
                      "several keys and transactions are atomic with any number. 0: as many as there are "
                      "cores, at most 4, beyond "
                      "which disks and networks are the limit more often than cores."},
    {.name = "maxclients",
     .kind = kInteger,
     .default_text = "10000",
     .field = &Settings::max_clients,
     .minimum = 1,
     .maximum = std::numeric_limits<uint32_t>::max(),
     .documentation = "Connections at the same time; more are answered with an error and closed. The limit "
                      "of open files is raised to "
                      "match at start, as far as the system lets it."},
    {.name = "timeout",
     .kind = kInteger,
     .default_text = "0",
     .field = &Settings::timeout_seconds,
     .maximum = std::numeric_limits<int32_t>::max(),
     .documentation = "Seconds after which an idle connection is closed; those that wait or subscribe are "
                      "exempt. 0: never, because "
                      "pools keep connections open on purpose and tcp-keepalive finds the dead ones."},
    {.name = "tcp-keepalive",
     .kind = kInteger,
     .default_text = "300",
     .field = &Settings::tcp_keepalive_seconds,
     .maximum = std::numeric_limits<int32_t>::max(),
     .documentation = "Seconds between probes of a silent peer, for connections accepted from now on. A peer "
                      "that vanished is noticed "
                      "after about twice this time, and what it held is freed. 0: off."},
    {.name = "protected-mode",
     .kind = kBoolean,
     .default_text = "yes",
     .field = &Settings::protected_mode,
     .documentation = "Without a password, answer only clients of this machine, whatever bind says. A store "
                      "opened to a network by "
                      "accident is found by others within hours."},
    {.name = "requirepass",
     .kind = kText,
     .default_text = "\"\"",
     .field = &Settings::password,
     .flags = kSecret,
     .documentation =
         "Password of the user default, which clients must give by AUTH or HELLO before anything else. "
         "Empty: none. "
         "After five wrong ones from "
         "one address each further attempt waits, up to a few seconds; make it long all the same."},
    {.name = "aclfile",
     .kind = kText,
     .default_text = "\"\"",
     .field = &Settings::acl_file,
     .flags = kFixed,
     .documentation = "File of users, in lines 'user <name> <rule> <rule> ...', read at start and by ACL "
                      "LOAD, written by ACL "
                      "SAVE. Empty: users are declared by such lines in this file, and CONFIG REWRITE writes "
                      "them. Not both. "
                      "Rules are Redis's: on, >password, ~keys, &channels, +command, +@category, and the "
                      "like. With it requirepass "
                      "counts only as long as the file says nothing of the user default."},
    {.name = "acl-pubsub-default",
     .kind = kChoice,
     .default_text = "resetchannels",
     .field = &Settings::acl_all_channels,
     .choices = kPubsubDefault,
     .documentation =
         "Whether a user who is made from now on may use all channels, or none, until its rules say more."},
    {.name = "acllog-max-len",
     .kind = kInteger,
     .default_text = "128",
     .field = &Settings::acl_log_entries,
     .maximum = std::numeric_limits<int32_t>::max(),
     .documentation =
         "Entries that ACL LOG keeps of what was refused to users, and of passwords that were wrong."},
    {.name = "enable-debug-command",
     .kind = kChoice,
     .default_text = "no",
     .field = &Settings::debug_command,
     .flags = kFixed,
     .choices = kDebugChoices,
     .documentation = "Who may use DEBUG: nobody, everybody (yes), or clients of this machine (local). It "
                      "can stall the server, so only "
                      "test set-ups want it."},
    {.name = "proto-max-bulk-len",
     .kind = kMemory,
     .default_text = "512mb",
     .field = &Settings::max_bulk_bytes,
     .minimum = 1 << 20,
     .documentation = "The longest single argument of a request, and so the longest key or value."},
    {.name = "client-query-buffer-limit",
     .kind = kMemory,
     .default_text = "1gb",
     .field = &Settings::query_buffer_bytes,
     .minimum = 1 << 20,
     .documentation = "Bytes of requests that one client may have pending here; beyond it the connection is "
                      "closed. Large enough for a "
                      "transaction of many large values. Clients that have not authenticated get far less."},
    {.name = "client-output-buffer-limit",
     .kind = kOutputLimits,
     .default_text = "normal 0 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60",
     .documentation = "class, hard limit, soft limit, seconds: a client whose unread replies pass the hard "
                      "limit, or stay above the soft "
                      "one for so many seconds, is closed. Normal clients wait for their replies, so they "
                      "have none; subscribers do not "
                      "ask for what they get and must be bounded. The replica class is accepted and unused."},
    {.name = "maxmemory-clients",
     .kind = kMemoryShare,
     .default_text = "0",
     .field = &Settings::max_client_memory,
     .documentation =
         "What all clients together may make the server hold, in requests, unread replies, transactions, "
         "watches and "
         "subscriptions; beyond it those that hold most are closed, with a log line. Those with CLIENT "
         "NO-EVICT on "
         "are not, and do not count. With a percent sign: of maxmemory. 0: a quarter of what the machine or "
         "the memory cgroup has. A client may write "
         "any "
         "number of requests before it reads a reply, as some libraries do: this is what bounds them."},
    {.name = "tracking-table-max-keys",
     .kind = kInteger,
     .default_text = "1000000",
     .field = &Settings::tracking_table_max_keys,
     .minimum = 0,
     .maximum = INT64_MAX,
     .documentation = "Keys that are remembered for clients which track what they read (CLIENT TRACKING), in "
                      "a cluster for those "
                      "of other nodes, too. With more of them, some are drawn at random, and whoever tracks "
                      "those is told as if "
                      "they had changed. 0: no limit. A key takes its name and about 150 bytes."},
};

}  // namespace

SettingSection network_settings() {
  return {"Network and access", "Who reaches the server, and what one client may make it hold.", kSettings};
}

}  // namespace starling::server
