// What a node remembers over a restart of whom it follows, as one small file of its data directory.
//
//   state := "configured" *( " " word ) LF what LF
//   what  := "nobody" | ( "complete" | "incomplete" ) " " host " " port
//
// configured: what the setting 'replicaof' said when this was written. As long as it says the same, what was asked
// for since then counts (REPLICAOF NO ONE above all); else the setting does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace starling::server {

struct LeaderAddress {
  std::string host;
  int64_t port = 0;
  bool operator==(const LeaderAddress&) const = default;
};

struct RememberedLeader {
  std::string configured;  // "host port", or empty.
  std::optional<LeaderAddress> leader;
  bool complete = true;
  bool operator==(const RememberedLeader&) const = default;
};

std::string encode_remembered_leader(const RememberedLeader& remembered);
[[nodiscard]] bool decode_remembered_leader(std::string_view bytes, RememberedLeader* remembered);
// "host port" -> its parts. False: it is no such thing.
[[nodiscard]] bool parse_leader(std::string_view text, LeaderAddress* address);
// Whom to follow at a start. `file`: nothing: there is none.
RememberedLeader leader_at_start(std::string_view configured, const std::optional<RememberedLeader>& file);

}  // namespace starling::server
