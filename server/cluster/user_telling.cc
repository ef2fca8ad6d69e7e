#include "server/cluster/user_telling.h"

#include <memory>
#include <string>
#include <utility>

#include "cluster/topology/placement.h"
#include "engine/base/byte_codec.h"
#include "server/bus/bus_links.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/state_exchange.h"
#include "server/execute/user_file.h"
#include "server/execute/user_sweep.h"
#include "server/process/log.h"
#include "server/process/node_names.h"
#include "server/server.h"

namespace starling::server {
namespace {

constexpr char kTellUsers = kFirstTellingKind;
constexpr char kUsersKnown = kFirstTellingKind + 1;
// Beyond quorum-timeout: it waits for a disk there.
constexpr int64_t kDiskPatienceUs = 2'000'000;

std::string message_of(char kind, uint64_t token) {
  std::string message(1, kind);
  engine::append_u64(token, &message);
  return message;
}

}  // namespace

// Never destroyed: what the disk's threads post may come late.
UserTelling& UserTelling::of_process() {
  static auto* const telling = new UserTelling;
  return *telling;
}

void UserTelling::serve(Server& server, const ClusterNode& node, BusLinks& links) {
  server_ = &server;
  node_ = &node;
  links_ = &links;
}

void UserTelling::tell(Done done) {
  const std::shared_ptr<const cluster::Placement> placement = node_->placement();
  const uint64_t token = next_token_++;
  Told& told = told_[token];
  told.done = std::move(done);
  told.until_us =
      server_->clock().monotonic_us() + server_->settings().quorum_timeout_ms * 1000 + kDiskPatienceUs;
  const std::string message = message_of(kTellUsers, token) + server_->users().state();
  if (placement != nullptr) {
    for (const cluster::Member& member : placement->topology.members) {
      if (member.id == node_->id() || !can_be_reached(member.id)) continue;
      if (links_->send(member.id, kStateFrame, 0, message)) told.left.insert(member.id);
    }
  }
  if (told.left.empty()) end(told_.find(token));
}

void UserTelling::receive(const cluster::NodeId& peer, std::string_view message) {
  engine::ByteReader reader(message.substr(1));
  uint64_t token = 0;
  if (!reader.read_u64(&token)) return;
  if (message[0] == kTellUsers) {
    if (!server_->users().merge(message.substr(1 + sizeof token)))
      return log_text(LogLevel::kWarning, "What node " + node_name(peer) + " tells of users makes no sense");
    return answer(peer, token);
  }
  const auto told = told_.find(token);
  if (message[0] != kUsersKnown || told == told_.end() || told->second.left.erase(peer) == 0) return;
  if (told->second.left.empty()) end(told);
}

void UserTelling::answer(const cluster::NodeId& peer, uint64_t token) {
  keep_users(*server_, [this, peer, token](bool kept) {
    sweep_users(*server_, *server_->io_threads().front(), 0, [this, peer, token, kept](bool) {
      // In force here, and forgotten by the next start: the other one is not told that it is known.
      if (kept) (void)links_->send(peer, kStateFrame, 0, message_of(kUsersKnown, token));
    });
  });
}

bool UserTelling::can_be_reached(const cluster::NodeId& peer) const {
  const std::shared_ptr<const cluster::Placement> placement = node_->placement();
  const cluster::NodeIndex number = placement == nullptr ? cluster::kNoNode : placement->number_of(peer);
  return number != cluster::kNoNode && node_->healthy(number);
}

void UserTelling::on_tick() {
  const int64_t now_us = server_->clock().monotonic_us();
  for (auto told = told_.begin(); told != told_.end();) {
    const auto each = told++;
    std::erase_if(each->second.left, [this](const cluster::NodeId& peer) { return !can_be_reached(peer); });
    if (each->second.left.empty() || each->second.until_us <= now_us) end(each);
  }
}

void UserTelling::end(std::map<uint64_t, Told>::iterator told) {
  const Done done = std::move(told->second.done);
  const size_t silent = told->second.left.size();
  told_.erase(told);
  done(silent);
}

}  // namespace starling::server
