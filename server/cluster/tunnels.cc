#include "server/cluster/tunnels.h"

#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/base/byte_codec.h"
#include "server/io_thread.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server {
namespace {

// A forwarded client that sent nothing for so long goes; it is made again when it is needed.
constexpr int64_t kIdleMs = 60'000;
constexpr size_t kLargestReplyBytes = cluster::kLargestFrameBytes - 64;
constexpr std::string_view kUncertain =
    "-NOQUORUM the coordinating node was lost; the write may still take effect\r\n";

}  // namespace

Tunnels::Tunnels(IoThread& io_thread, BusLinks& links, OperationTable& operations, OnOwnReply on_own_reply)
    : io_thread_(io_thread), links_(links), operations_(operations), on_own_reply_(std::move(on_own_reply)) {}

Tunnel::~Tunnel() {
  for (const Request& request : requests_) {
    if (request.life != 0) tunnels_.operations_.forget({request.life, request.correlation});
  }
  // The same origin may have another client by now.
  const auto found = tunnels_.by_origin_.find({link_, origin_});
  if (found != tunnels_.by_origin_.end() && found->second == client_id_) tunnels_.by_origin_.erase(found);
}

void Tunnel::receive(uint64_t correlation, const ForwardFrame& frame, std::optional<std::string> owned) {
  if (inbox_.empty() && owned) {
    inbox_from_ = static_cast<size_t>(frame.requests.data() - owned->data());
    STARLING_ASSERT(inbox_from_ + frame.requests.size() == owned->size());
    inbox_ = std::move(*owned);
  } else {
    inbox_ += frame.requests;
  }
  requests_.push_back({correlation, frame.life, frame.replies});
  deadlines_.push_back({frame.deadline_us, frame.replies});
}

// Each request has one reply. One that its frame did not announce is too late for anything.
int64_t Tunnel::take_deadline_us() {
  if (deadlines_.empty()) return 0;
  Deadline& next = deadlines_.front();
  const int64_t at_us = next.at_us;
  if (--next.requests == 0) deadlines_.pop_front();
  return at_us;
}

bool Tunnel::must_go_on() const {
  return std::any_of(requests_.begin(), requests_.end(),
                     [](const Request& request) { return request.life != 0; });
}

bool Tunnel::link_lost() const {
  return link_ != kOwnLink && !tunnels_.links_.alive(link_);
}

void Tunnel::feed(Client& client) {
  size_t taken = inbox_from_;
  while (taken < inbox_.size()) {
    const std::span<char> room = client.parser.prepare();
    const size_t bytes = std::min(room.size(), inbox_.size() - taken);
    std::memcpy(room.data(), inbox_.data() + taken, bytes);
    client.parser.commit(bytes);
    taken += bytes;
  }
  inbox_from_ = 0;
  if (inbox_.capacity() >= cluster::kLanePayloadBytes) {
    inbox_ = std::string();
  } else {
    inbox_.clear();
  }
}

void Tunnel::tell_working() {
  if (link_ == kOwnLink) return;
  for (const Request& request : requests_)
    (void)tunnels_.links_.reply(link_, cluster::FrameKind::kWorking, request.correlation, {});
}

bool Tunnel::deliver(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t used = 0;
    const resp::ReplyScanner::Result result = scanner_.scan(bytes, &used);
    if (result == resp::ReplyScanner::Result::kMalformed || requests_.empty()) return false;
    reply_ += bytes.substr(0, used);
    bytes.remove_prefix(used);
    if (result != resp::ReplyScanner::Result::kComplete) continue;
    if (--requests_.front().replies == 0) {
      const Request request = requests_.front();
      requests_.pop_front();
      if (request.life != 0) {
        tunnels_.operations_.finish({request.life, request.correlation}, reply_,
                                    tunnels_.io_thread_.now_ms());
      }
      if (!link_gone_) answer(request.correlation);
    }
    reply_.clear();
  }
  return !link_gone_ || must_go_on();
}

void Tunnel::answer(uint64_t correlation) {
  if (reply_.size() > kLargestReplyBytes) {
    reply_ = "-ERR the reply has " + std::to_string(reply_.size()) +
             " bytes, more than one node brings another; the command was executed\r\n";
  }
  const bool large = reply_.size() >= cluster::kLanePayloadBytes;
  const auto shared = large ? std::make_shared<const std::string>(std::move(reply_)) : nullptr;
  if (large) reply_ = std::string();
  if (unsent_.empty() && (large ? tunnels_.answer_shared(link_, correlation, shared)
                                : tunnels_.answer(link_, correlation, reply_))) {
    return;
  }
  if (!tunnels_.links_.alive(link_)) {
    link_gone_ = true;
    unsent_.clear();
    return;
  }
  if (unsent_.empty()) tunnels_.blocked_.push_back(client_id_);
  unsent_.emplace_back(correlation, large ? shared : std::make_shared<const std::string>(std::move(reply_)));
}

bool Tunnel::send_unsent() {
  while (!unsent_.empty() && tunnels_.answer_shared(link_, unsent_.front().first, unsent_.front().second))
    unsent_.pop_front();
  if (unsent_.empty()) return true;
  if (tunnels_.links_.alive(link_)) return false;
  link_gone_ = true;
  unsent_.clear();
  return true;
}

void Tunnels::send_unsent() {
  if (blocked_.empty()) return;
  std::vector<uint64_t> blocked = std::exchange(blocked_, {});
  bool resumed = false;
  for (const uint64_t id : blocked) {
    Client* client = io_thread_.find_client(id);
    if (client == nullptr || client->closing) continue;
    if (!client->tunnel->send_unsent()) {
      blocked_.push_back(id);
      continue;
    }
    io_thread_.output_pending(*client);
    resumed = true;
  }
  // The pass is over: another one goes on with them.
  if (resumed) io_thread_.loop().post([] {});
}

bool Tunnels::answer(LinkId link, uint64_t correlation, std::string_view reply) {
  if (link != kOwnLink) return links_.reply(link, cluster::FrameKind::kForwardReply, correlation, reply);
  on_own_reply_(correlation, reply);
  return true;
}

bool Tunnels::answer_shared(LinkId link, uint64_t correlation, const cluster::SharedBytes& reply) {
  if (link != kOwnLink)
    return links_.reply_shared(link, cluster::FrameKind::kForwardReply, correlation, reply);
  on_own_reply_(correlation, *reply);
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

bool Tunnels::begin(LinkId link, uint64_t correlation, const ForwardFrame& frame) {
  if (frame.life == 0) return true;
  Server& server = io_thread_.server();
  const auto again = [this, &server, link, correlation](std::string_view reply) {
    if (server.cluster() == nullptr) return;  // The loops have stopped.
    io_thread_.loop().post(
        [this, link, correlation, bytes = std::string(reply.empty() ? kUncertain : reply)] {
          (void)this->answer(link, correlation, bytes);
        });
  };
  const OperationTable::Answer answer = operations_.begin({frame.life, correlation}, frame.settled,
                                                          frame.repeated, server.clock().wall_ms(), again);
  if (answer == OperationTable::Answer::kUncertain) (void)this->answer(link, correlation, kUncertain);
  return answer == OperationTable::Answer::kNew;
}

void Tunnels::on_forward(LinkId link, uint64_t correlation, std::string_view payload, int64_t age_us,
                         std::optional<std::string> owned) {
  ForwardFrame frame;
  if (!decode_forward(owned ? std::string_view(*owned) : payload, &frame)) return;
  frame.deadline_us += age_us;
  if (frame.requests.empty()) {
    const auto found = by_origin_.find({link, frame.origin});
    Client* client = found == by_origin_.end() ? nullptr : io_thread_.find_client(found->second);
    if (client != nullptr) io_thread_.close(*client);
    return;
  }
  if (!begin(link, correlation, frame)) return;
  Client* client = find_or_open(link, frame.origin);
  // Those of a short string would move with it.
  if (owned && owned->size() < cluster::kLanePayloadBytes) {
    client->tunnel->receive(correlation, frame, std::nullopt);
  } else {
    client->tunnel->receive(correlation, frame, std::move(owned));
  }
  io_thread_.on_tunnel_input(*client);
}

bool Tunnels::idle() const {
  return std::all_of(by_origin_.begin(), by_origin_.end(), [this](const auto& entry) {
    const Client* client = io_thread_.find_client(entry.second);
    return client == nullptr || client->closing || client->tunnel->idle();
  });
}

void Tunnels::close_idle(int64_t now_ms) {
  for (const auto& [key, id] : by_origin_) {
    Client* client = io_thread_.find_client(id);
    if (client != nullptr && client->waiting == Waiting::kForChange && client->tunnel->link_lost()) {
      io_thread_.blocked().answer_nothing(*client, WaitEnd::kTimeOut);
      continue;
    }
    if (client == nullptr || client->waiting != Waiting::kNo || !client->tunnel->idle()) continue;
    const bool link_gone = key.first != kOwnLink && !links_.alive(key.first);
    // Who watches or tracks keys counts on that, however long it takes.
    const bool idle = client->watch_state == nullptr && client->tracking == nullptr &&
                      now_ms - client->last_interaction_ms > kIdleMs;
    if (link_gone || idle) io_thread_.close(*client);
  }
}

}  // namespace starling::server
