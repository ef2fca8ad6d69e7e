#include "server/cluster/tunnels.h"

#include <algorithm>
#include <cstring>

#include "engine/byte_codec.h"
#include "server/client.h"
#include "server/io_thread.h"

namespace starling::server {
namespace {

// A forwarded client that sent nothing for so long goes; it is made again when it is needed.
constexpr int64_t kIdleMs = 60'000;

}  // namespace

Tunnel::~Tunnel() {
  tunnels_.by_origin_.erase({link_, origin_});
}

void Tunnel::receive(uint64_t correlation, std::string_view request) {
  inbox_ += request;
  correlations_.push_back(correlation);
}

bool Tunnel::feed(Client& client) {
  if (inbox_.empty()) return false;
  size_t taken = 0;
  while (taken < inbox_.size()) {
    const std::span<char> room = client.parser.prepare();
    const size_t bytes = std::min(room.size(), inbox_.size() - taken);
    std::memcpy(room.data(), inbox_.data() + taken, bytes);
    client.parser.commit(bytes);
    taken += bytes;
  }
  inbox_.clear();
  return true;
}

bool Tunnel::deliver(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t used = 0;
    const resp::ReplyScanner::Result result = scanner_.scan(bytes, &used);
    if (result == resp::ReplyScanner::Result::kMalformed || correlations_.empty()) return false;
    reply_ += bytes.substr(0, used);
    bytes.remove_prefix(used);
    if (result != resp::ReplyScanner::Result::kComplete) continue;
    const bool sent =
        tunnels_.links_.reply(link_, cluster::FrameKind::kForwardReply, correlations_.front(), reply_);
    correlations_.pop_front();
    reply_.clear();
    if (!sent) return false;
  }
  return true;
}

Client* Tunnels::find_or_open(LinkId link, uint64_t origin) {
  const auto found = by_origin_.find({link, origin});
  if (found != by_origin_.end()) {
    Client* client = io_thread_.find_client(found->second);
    if (client != nullptr && !client->closing) return client;
  }
  auto tunnel = std::make_unique<Tunnel>(*this, link, origin);
  Tunnel& opened = *tunnel;
  Client& client = io_thread_.adopt_tunnel(std::move(tunnel));
  opened.client_id_ = client.id();
  by_origin_[{link, origin}] = client.id();
  return &client;
}

void Tunnels::on_forward(LinkId link, uint64_t correlation, std::string_view payload) {
  engine::ByteReader reader(payload);
  uint64_t origin;
  if (!reader.read_varint(&origin)) return;
  if (reader.left() == 0) {
    const auto found = by_origin_.find({link, origin});
    Client* client = found == by_origin_.end() ? nullptr : io_thread_.find_client(found->second);
    if (client != nullptr) io_thread_.close(*client);
    return;
  }
  Client* client = find_or_open(link, origin);
  client->tunnel->receive(correlation, reader.rest());
  io_thread_.on_tunnel_input(*client);
}

void Tunnels::close_idle(int64_t now_ms) {
  for (const auto& [key, id] : by_origin_) {
    Client* client = io_thread_.find_client(id);
    if (client != nullptr && client->waiting == Waiting::kNo &&
        now_ms - client->last_interaction_ms > kIdleMs) {
      io_thread_.close(*client);
    }
  }
}

}  // namespace starling::server
