#include "server/replica_of/remembered_leader.h"

#include <utility>

#include "resp/number.h"

namespace starling::server {
namespace {

constexpr std::string_view kHead = "configured", kNobody = "nobody", kComplete = "complete ",
                           kIncomplete = "incomplete ";

}  // namespace

std::string encode_remembered_leader(const RememberedLeader& remembered) {
  std::string bytes(kHead);
  if (!remembered.configured.empty()) bytes += " " + remembered.configured;
  bytes += "\n";
  if (!remembered.leader) return bytes.append(kNobody).append("\n");
  bytes += remembered.complete ? kComplete : kIncomplete;
  return bytes + remembered.leader->host + " " + std::to_string(remembered.leader->port) + "\n";
}

bool decode_remembered_leader(std::string_view bytes, RememberedLeader* remembered) {
  if (!bytes.starts_with(kHead) || !bytes.ends_with('\n')) return false;
  bytes.remove_prefix(kHead.size());
  bytes.remove_suffix(1);
  const size_t end = bytes.find('\n');
  if (end == std::string_view::npos) return false;
  std::string_view configured = bytes.substr(0, end), what = bytes.substr(end + 1);
  if (configured.starts_with(' ')) configured.remove_prefix(1);
  *remembered = {.configured = std::string(configured), .leader = {}, .complete = true};
  if (what == kNobody) return true;
  remembered->complete = what.starts_with(kComplete);
  if (!remembered->complete && !what.starts_with(kIncomplete)) return false;
  what.remove_prefix(remembered->complete ? kComplete.size() : kIncomplete.size());
  return parse_leader(what, &remembered->leader.emplace());
}

bool parse_leader(std::string_view text, LeaderAddress* address) {
  constexpr int64_t kGreatestPort = 65535;
  const size_t space = text.find(' ');
  if (space == 0 || space == std::string_view::npos) return false;
  address->host = text.substr(0, space);
  return resp::parse_integer(text.substr(space + 1), &address->port) && address->port > 0 &&
         address->port <= kGreatestPort;
}

RememberedLeader leader_at_start(std::string_view configured, const std::optional<RememberedLeader>& file) {
  if (file && file->configured == configured) return *file;
  RememberedLeader start{.configured = std::string(configured), .leader = {}, .complete = true};
  // Half a copy stays one, whatever the setting says now.
  if (file && file->leader && !file->complete) start.complete = false;
  LeaderAddress address;
  if (parse_leader(configured, &address)) {
    start.leader = std::move(address);
  } else if (!start.complete) {
    start.leader = file->leader;
  }
  return start;
}

}  // namespace starling::server
