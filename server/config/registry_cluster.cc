#include <algorithm>

#include "cluster/data/quorum.h"
#include "cluster/wire/node_id.h"
#include "server/cluster/announced_address.h"
#include "server/config/setting_spec.h"

namespace starling::server {
namespace {

using enum SettingKind;

constexpr SettingChoice kEndpointTypes[] = {{"ip", 0}, {"hostname", 1}, {"unknown-endpoint", 2}};
constexpr SettingChoice kModes[] = {{"sloppy", 0}, {"strict", 1}};

constexpr std::string_view kLevels = "ONE, QUORUM, ALL, LOCAL_QUORUM, EACH_QUORUM or a number from 1 to 255";

bool is_host(std::string_view text) {
  return text.size() <= cluster::kMaxHostBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~' && c != ','; });
}

bool is_level(std::string_view text) {
  return cluster::Consistency::parse(text).has_value();
}

const SettingSpec kSettings[] = {
    {.name = "cluster-enabled",
     .kind = kBoolean,
     .default_text = "no",
     .field = &Settings::cluster_enabled,
     .flags = kFixed,
     .documentation =
         "yes: this node is one of a cluster, in which any node takes any command and every key has "
         "'replicas' copies. A directory once used so stays so."},
    {.name = "cluster-seeds",
     .kind = kWords,
     .default_text = "\"\"",
     .field = &Settings::cluster_seeds,
     .flags = kFixed,
     .documentation =
         "host:busport of other nodes. One that answers is enough to find all the others; the node's own "
         "address may be among them, so that all nodes can have the same list."},
    {.name = "cluster-join",
     .alias = "join",
     .kind = kWords,
     .default_text = "\"\"",
     .field = &Settings::cluster_join,
     .flags = kFixed,
     .documentation =
         "host:busport of nodes of a running cluster that this node is to be a member of: it is counted in, "
         "is "
         "brought its share of the records, and serves them from then on. It founds no cluster. Sets "
         "'cluster-enabled yes'; without meaning once it is a member."},
    {.name = "cluster-min-nodes",
     .kind = kInteger,
     .default_text = "3",
     .field = &Settings::cluster_min_nodes,
     .flags = kFixed,
     .minimum = 1,
     .maximum = 1000,
     .documentation =
         "A new cluster forms when so many nodes have met. It must be the same on all, and is without "
         "meaning once the cluster exists."},
    {.name = "cluster-port",
     .kind = kInteger,
     .default_text = "0",
     .field = &Settings::cluster_port,
     .flags = kFixed,
     .maximum = 65535,
     .documentation =
         "TCP port of the bus, by which nodes talk to each other. 0: the port of clients plus 10000."},
    {.name = "cluster-announce-ip",
     .kind = kText,
     .default_text = "\"\"",
     .field = &Settings::cluster_announce_host,
     .check = is_host,
     .accepted = "an address or a name",
     .documentation = "Address by which other nodes and clients reach this one, where it is not the one that "
                      "it has: behind "
                      "NAT, or the port mappings of a container. Empty: the first address of 'bind'."},
    {.name = "cluster-announce-port",
     .kind = kInteger,
     .default_text = "0",
     .field = &Settings::cluster_announce_port,
     .maximum = 65535,
     .documentation = "Port by which clients reach this node from outside. 0: 'port'."},
    {.name = "cluster-announce-tls-port",
     .kind = kInteger,
     .default_text = "0",
     .field = &Settings::cluster_announce_tls_port,
     .maximum = 65535,
     .documentation = "The same for clients that use TLS, which are told this port. 0: 'tls-port'."},
    {.name = "cluster-announce-bus-port",
     .kind = kInteger,
     .default_text = "0",
     .field = &Settings::cluster_announce_bus_port,
     .maximum = 65535,
     .documentation =
         "Port by which other nodes reach this one's bus from outside. 0: the one it listens on."},
    {.name = "cluster-announce-hostname",
     .kind = kText,
     .default_text = "\"\"",
     .field = &Settings::cluster_announce_hostname,
     .check = is_hostname,
     .accepted = "of letters, digits, hyphens and dots",
     .documentation =
         "Name by which clients reach this node, told by CLUSTER SLOTS, SHARDS and NODES beside its address; "
         "'cluster-preferred-endpoint-type' says which of them clients are to use."},
    {.name = "cluster-announce-human-nodename",
     .kind = kText,
     .default_text = "\"\"",
     .field = &Settings::cluster_announce_nodename,
     .check = is_nodename,
     .accepted = "of letters, digits, hyphens, underscores and dots",
     .documentation = "A name for people: the other nodes' logs have it beside the address."},
    {.name = "cluster-preferred-endpoint-type",
     .kind = kChoice,
     .default_text = "ip",
     .field = &Settings::cluster_endpoint_type,
     .choices = kEndpointTypes,
     .documentation =
         "What this node tells clients to connect to: ip, the address; hostname, the name that each node "
         "announces; "
         "unknown-endpoint, where they are connected already, for one address before all nodes."},
    {.name = "cluster-secret",
     .kind = kText,
     .default_text = "\"\"",
     .field = &Settings::cluster_secret,
     .flags = kProtectedSetting | kSecret,
     .documentation =
         "What every node must prove to know before it may join, gossip or send data; also signs the causal "
         "contexts that clients carry. The same on all nodes. Empty: anybody who reaches the bus port is let "
         "in, which only a closed network allows."},
    {.name = "replicas",
     .kind = kInteger,
     .default_text = "3",
     .field = &Settings::replicas,
     .flags = kFixed,
     .minimum = 1,
     .maximum = 16,
     .documentation = "N: nodes that hold a copy of each key. Fixed when the cluster forms."},
    {.name = "quorum-r",
     .kind = kText,
     .default_text = "QUORUM",
     .field = &Settings::quorum_read,
     .check = is_level,
     .accepted = kLevels,
     .documentation =
         "R: replicas that a read consults. ONE, QUORUM, ALL, LOCAL_QUORUM, EACH_QUORUM or a number. With R "
         "+ "
         "W > N a read sees every write acknowledged before it. QUORUM SET changes it for a connection."},
    {.name = "quorum-w",
     .kind = kText,
     .default_text = "QUORUM",
     .field = &Settings::quorum_write,
     .check = is_level,
     .accepted = kLevels,
     .documentation =
         "W: replicas that must have stored a write before it is acknowledged. Values as for quorum-r."},
    {.name = "quorum-mode",
     .kind = kChoice,
     .default_text = "sloppy",
     .field = &Settings::quorum_mode,
     .choices = kModes,
     .documentation =
         "sloppy: while replicas cannot be reached, other nodes stand in for them, so that writes go on "
         "wherever enough nodes are left; what diverges merges later. strict: only replicas count, else "
         "NOQUORUM."},
    {.name = "quorum-timeout",
     .kind = kInteger,
     .default_text = "1000",
     .field = &Settings::quorum_timeout_ms,
     .minimum = 1,
     .maximum = 3600000,
     .documentation =
         "Milliseconds after which a request that has not reached its quorum is answered with an error."},
    {.name = "repair-interval",
     .kind = kInteger,
     .default_text = "10",
     .field = &Settings::repair_interval_seconds,
     .maximum = 86400 * 7,
     .documentation = "Seconds from one comparison of this node's records with all other replicas to the "
                      "next. 0: only when CLUSTER REPAIR asks for it."},
    {.name = "hint-max-bytes",
     .kind = kMemory,
     .default_text = "256mb",
     .field = &Settings::hint_max_bytes,
     .documentation =
         "Memory for remembering which keys other nodes missed while they could not be reached, about 120 "
         "bytes "
         "and the key's name for each. Beyond it a node that missed a write gets it by the comparison of "
         "replicas, and nodes stand in for others no more. On the disk hints take less."},
    {.name = "hint-max-age",
     .kind = kInteger,
     .default_text = "10800",
     .field = &Settings::hint_max_age_seconds,
     .maximum = 86400 * 365,
     .documentation = "Seconds after which a replica forgets that another one missed a write: comparing all "
                      "their records is "
                      "cheaper then. Hints of a node that stood in stay, as it may have the only copy. 0: "
                      "they stay, too."},
    {.name = "hint-bandwidth",
     .kind = kMemory,
     .default_text = "32mb",
     .field = &Settings::hint_bandwidth,
     .documentation = "Bytes a second of records that a node sends to each one that is back and missed them, "
                      "beside its other work. 0: no limit."},
    {.name = "auto-remove-after",
     .kind = kInteger,
     .default_text = "0",
     .field = &Settings::auto_remove_after_seconds,
     .maximum = 86400 * 365,
     .documentation =
         "Seconds after which a node that is down is removed from the ring, so that all records have their "
         "replicas on others again; where at least as many nodes as 'replicas' are left, and not more are "
         "down "
         "than a change of the ring can go without (one of three). It cannot come back as who it was. 0: "
         "never. "
         "The same on all nodes."},
    {.name = "auto-replace-after",
     .kind = kInteger,
     .default_text = "0",
     .field = &Settings::auto_replace_after_seconds,
     .maximum = 86400 * 365,
     .documentation =
         "Seconds after which a node that is down gives its place to the next one that asks to join "
         "('cluster-join'). Until then that one is counted in beside it. 0: never. The same on all nodes."},
    {.name = "weight",
     .kind = kInteger,
     .default_text = "100",
     .field = &Settings::weight,
     .flags = kFixed,
     .minimum = 1,
     .maximum = 10000,
     .documentation = "This node's share of the data, in proportion to those of the others."},
    {.name = "rack",
     .kind = kText,
     .default_text = "\"\"",
     .field = &Settings::rack,
     .flags = kFixed,
     .documentation = "What fails together with this node. Copies of a key go to different racks while there "
                      "are any left."},
    {.name = "datacenter",
     .kind = kText,
     .default_text = "\"\"",
     .field = &Settings::datacenter,
     .flags = kFixed,
     .documentation = "Where this node is, for LOCAL_QUORUM and EACH_QUORUM and for spreading copies."},
};

}  // namespace

SettingSection cluster_settings() {
  return {"Cluster", "One node of several: see README.md, \"A cluster\".", kSettings};
}

}  // namespace starling::server
