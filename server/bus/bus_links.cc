#include "server/bus/bus_links.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "engine/base/assert.h"
#include "server/bus/bus_link.h"
#include "server/bus/twin_table.h"
#include "server/process/log.h"
#include "server/process/node_names.h"
#include "server/process/thread_random.h"

namespace starling::server {
namespace {

using cluster::NodeId;
using cluster::RefusalReason;

constexpr int64_t kTickMs = 25;
// While all links are up: what may happen to them then takes seconds.
constexpr int64_t kIdleTickMs = 100;
// Refusals of incoming connections in the log: anyone can cause them.
constexpr int kRefusalLinesPerPeriod = 10;
constexpr int64_t kRefusalPeriodMs = 10000;
constexpr int64_t kSameRefusalMs = 60000;
constexpr size_t kRefusalsRemembered = 1000;
// What a peer is given to show that it is still there when another process comes under its id.
constexpr int64_t kChallengeMs = 1000;
// Who has answered within this time is there, and who comes under its id is told so. It is asked again all the same.
constexpr int64_t kAnsweredMs = 20000;
// A seed list may name this node itself. (Or one that runs on a copy of its data: hence the notice.)
constexpr int64_t kSelfRetryMs = 60000;

cluster::Nonce fresh_nonce() {
  cluster::Nonce nonce;
  for (size_t filled = 0; filled < nonce.size();) {
    const ssize_t count = ::getrandom(nonce.data() + filled, nonce.size() - filled, 0);
    STARLING_ASSERT(count >= 0 || errno == EINTR);
    if (count > 0) filled += static_cast<size_t>(count);
  }
  return nonce;
}

}  // namespace

// An address that this loop keeps a link to.
struct BusLinks::Target {
  NodeId id;  // Not valid: a seed.
  std::string address;
  BusLink* link = nullptr;  // Connecting, introducing or up.
  NodeId resident;          // A seed's: who was last found there.
  int64_t retry_at_ms = 0;
  int64_t retry_delay_ms = 0;
  std::string last_failure;
  bool is_self = false;  // As that failure said.
};

BusLinks::BusLinks(EventLoop& loop, BusHandler& handler, BusOptions options)
    : loop_(loop), handler_(handler), options_(std::move(options)) {
  tick_timer_ = std::make_unique<Timer>(loop_, [this] { on_tick(); });
  tick_every(kTickMs);
}

BusLinks::~BusLinks() = default;

void BusLinks::set_peers(const std::vector<BusPeer>& peers) {
  const auto listed = [&](const Target& target) {
    return !target.id.valid() ||
           std::find(peers.begin(), peers.end(), BusPeer{target.id, target.address}) != peers.end();
  };
  const auto first_gone = std::stable_partition(targets_.begin(), targets_.end(),
                                                [&](const auto& target) { return listed(*target); });
  std::vector<std::unique_ptr<Target>> gone(std::make_move_iterator(first_gone),
                                            std::make_move_iterator(targets_.end()));
  targets_.erase(first_gone, targets_.end());
  for (const BusPeer& peer : peers) {
    STARLING_ASSERT(peer.id.valid());
    if (find_target(peer.id) != nullptr) continue;
    targets_.push_back(std::make_unique<Target>());
    targets_.back()->id = peer.id;
    targets_.back()->address = peer.address;
    tick_every(kTickMs);
  }
  for (const auto& target : gone) drop_target(*target, "it is no longer a peer at " + target->address);
  // A link that a seed has found is as good as one of the peer's own.
  for (const auto& target : targets_) {
    BusLink* link = target->id.valid() && target->link == nullptr ? find_up(target->id) : nullptr;
    if (link != nullptr) give_link(*link, target.get());
  }
}

void BusLinks::set_seeds(const std::vector<std::string>& addresses) {
  const auto first_gone = std::stable_partition(targets_.begin(), targets_.end(), [&](const auto& target) {
    return target->id.valid() ||
           std::find(addresses.begin(), addresses.end(), target->address) != addresses.end();
  });
  std::vector<std::unique_ptr<Target>> gone(std::make_move_iterator(first_gone),
                                            std::make_move_iterator(targets_.end()));
  targets_.erase(first_gone, targets_.end());
  for (const std::string& address : addresses) {
    const bool known = std::any_of(targets_.begin(), targets_.end(), [&](const auto& target) {
      return !target->id.valid() && target->address == address;
    });
    if (known) continue;
    targets_.push_back(std::make_unique<Target>());
    targets_.back()->address = address;
    tick_every(kTickMs);
  }
  for (const auto& target : gone) drop_target(*target, "it is no longer a seed");
}

void BusLinks::drop_target(Target& target, const std::string& reason) {
  if (BusLink* link = std::exchange(target.link, nullptr)) link->close(reason);
}

BusLink* BusLinks::find_up(const NodeId& peer) const {
  const auto found = up_.find(peer);
  return found == up_.end() ? nullptr : found->second;
}

BusLinks::Target* BusLinks::find_target(const NodeId& peer) {
  for (const auto& target : targets_) {
    if (target->id == peer) return target.get();
  }
  return nullptr;
}

bool BusLinks::count_send(bool accepted) {
  if (!accepted) statistics_.frames_refused.add(1);
  return accepted;
}

bool BusLinks::send(const NodeId& peer, cluster::FrameKind kind, uint64_t correlation,
                    std::string_view payload, uint64_t order) {
  BusLink* link = find_up(peer);
  return count_send(link != nullptr && link->queue(kind, correlation, payload, order));
}

bool BusLinks::send_shared(const NodeId& peer, cluster::FrameKind kind, uint64_t correlation,
                           cluster::SharedBytes payload, uint64_t order) {
  BusLink* link = find_up(peer);
  return count_send(link != nullptr && link->queue(kind, correlation, std::move(payload), order));
}

bool BusLinks::reply_shared(LinkId id, cluster::FrameKind kind, uint64_t correlation,
                            cluster::SharedBytes payload) {
  const auto found = links_.find(id);
  return count_send(found != links_.end() && found->second->queue(kind, correlation, std::move(payload), 0));
}

bool BusLinks::withdraw(LinkId id, cluster::FrameKind kind, uint64_t correlation) {
  const auto found = links_.find(id);
  return found != links_.end() && found->second->withdraw(kind, correlation);
}

std::optional<std::string> BusLinks::take_payload() {
  if (assembled_ == nullptr) return std::nullopt;
  return std::move(*std::exchange(assembled_, nullptr));
}

bool BusLinks::reply(LinkId id, cluster::FrameKind kind, uint64_t correlation, std::string_view payload) {
  const auto found = links_.find(id);
  return count_send(found != links_.end() && found->second->queue(kind, correlation, payload));
}

bool BusLinks::full(const NodeId& peer, size_t bytes) const {
  const BusLink* link = find_up(peer);
  return link != nullptr && link->full(bytes);
}

bool BusLinks::connected(const NodeId& peer) const {
  return up_.contains(peer);
}

uint64_t BusLinks::life_of(const NodeId& peer) const {
  const BusLink* link = find_up(peer);
  return link == nullptr ? 0 : link->peer().life;
}

uint32_t BusLinks::version_of(const NodeId& peer) const {
  const BusLink* link = find_up(peer);
  return link == nullptr ? 0 : link->version();
}

std::optional<int64_t> BusLinks::peer_time_us(const NodeId& peer, int64_t local_us) const {
  const BusLink* link = find_up(peer);
  if (link == nullptr) return std::nullopt;
  return link->peer_clock().least_at(local_us);
}

BusLinks::Sent BusLinks::sent(const NodeId& peer) const {
  const BusLink* link = find_up(peer);
  return link == nullptr ? Sent{} : Sent{link->id(), link->queued_until()};
}

bool BusLinks::arrived(const Sent& sent) const {
  const auto found = links_.find(sent.link);
  return found != links_.end() && found->second->arrived(sent.until);
}

void BusLinks::reset_unless_arrived(const Sent& sent, int64_t still_ms, const std::string& reason) {
  const auto found = links_.find(sent.link);
  if (found == links_.end() || found->second->arrived(sent.until) || !found->second->stuck(still_ms)) return;
  found->second->reset(reason);
}

bool BusLinks::refuses(const NodeId& peer) const {
  return std::any_of(targets_.begin(), targets_.end(), [&](const auto& target) {
    return target->id == peer && target->last_failure.find("refused") != std::string::npos;
  });
}

void BusLinks::hasten(const NodeId& peer) {
  Target* target = find_target(peer);
  if (target == nullptr || target->link != nullptr) return;
  target->retry_at_ms = std::min(target->retry_at_ms, now_ms_);
  tick_every(kTickMs);
}

void BusLinks::adopt(AcceptedSocket socket) {
  if (incoming_ >= options_.max_incoming || strangers_ >= options_.max_strangers) {
    ::close(socket.fd);
    statistics_.handshakes_refused.add(1);
    if (refusal_lines_++ < kRefusalLinesPerPeriod) {
      log_text(LogLevel::kWarning,
               "Refused " + socket.peer_address + " on the bus: " + std::to_string(incoming_) +
                   " nodes are connected, " + std::to_string(strangers_) + " of them not introduced yet");
    }
    return;
  }
  auto owned = std::make_unique<BusLink>(*this, ++last_link_id_, std::move(socket.peer_address));
  BusLink& link = *owned;
  links_.emplace(link.id(), std::move(owned));
  ++incoming_;
  ++strangers_;
  tick_every(kTickMs);
  link.accept(socket.fd);
}

void BusLinks::connect(Target& target) {
  auto owned = std::make_unique<BusLink>(*this, ++last_link_id_, target.address, target.id);
  target.link = owned.get();
  links_.emplace(owned->id(), std::move(owned));
  target.link->connect();
}

cluster::Handshake::Options BusLinks::handshake_options(const BusLink& link) {
  cluster::Handshake::Options options;
  options.role = link.outgoing() ? cluster::Handshake::Role::kInitiator : cluster::Handshake::Role::kAcceptor;
  options.self = handler_.introduction();
  options.secret = options_.secret;
  options.nonce = fresh_nonce();
  options.clock_us = [this] { return handler_.clock_us(); };
  options.expected = link.expected();
  const bool incoming = !link.outgoing();
  options.objection = [this, incoming, from = link.address()](const cluster::Introduction& peer) {
    std::optional<std::string> twin = incoming ? twin_objection(peer, from) : std::nullopt;
    return twin ? std::move(twin) : handler_.objection(peer);
  };
  return options;
}

std::optional<std::string> BusLinks::twin_objection(const cluster::Introduction& peer,
                                                    const std::string& from) {
  BusLink* own = find_up(peer.id);
  if (own == nullptr || own->peer().life == peer.life || !own->answered_challenge(kAnsweredMs))
    return std::nullopt;
  own->challenge(now_ms_ + kChallengeMs);
  // A copy of the configuration, too, says that it is at the first one's address.
  const std::string& second = peer.address == own->address() ? from : peer.address;
  return TwinTable::of_process().note(peer.id, own->address(), second, handler_.clock_us() / 1000);
}

void BusLinks::on_link_up(BusLink& link) {
  statistics_.connects.add(1);
  statistics_.links.add(1);
  const NodeId id = link.peer().id;
  const LogLevel level = options_.log_links ? LogLevel::kNotice : LogLevel::kVerbose;
  if (!link.outgoing()) {
    --strangers_;
    log_text(LogLevel::kVerbose, "Node " + node_name(id) + " connected from " + link.address());
    // All that a handshake proves is the secret. Who is at the node's own address and another process is asked
    // whether it is still there; if so, this one is an impostor, or runs on a copy of its directory.
    if (BusLink* own = find_up(id); own != nullptr && own->peer().life != link.peer().life) {
      own->challenge(now_ms_ + kChallengeMs);
      const std::string reason = "another process is connected as node " + node_name(id) +
                                 ", on the bus at " + own->address() + "; this one says that it is at " +
                                 link.peer().address;
      log_refusal(link, reason);
      return link.close(reason);
    }
    return handler_.on_accepted(link.peer(), link.id());
  }
  const auto found = std::find_if(targets_.begin(), targets_.end(),
                                  [&](const auto& target) { return target->link == &link; });
  STARLING_ASSERT(found != targets_.end());
  Target& target = **found;
  target.last_failure.clear();
  target.resident = id;
  if (find_up(id) != nullptr) return link.close("");  // A seed of a node that is linked already.
  up_.emplace(id, &link);
  if (Target* peer = find_target(id); peer != nullptr && peer != &target) give_link(link, peer);
  log_text(level, "Connected to node " + node_name(id) + ", on the bus at " + link.address());
  handler_.on_connected(link.peer());
}

// Moves the link from the seed that found it to the node's own target.
void BusLinks::give_link(BusLink& link, Target* target) {
  for (const auto& other : targets_) {
    if (other->link == &link) other->link = nullptr;
  }
  drop_target(*target, "");
  target->link = &link;
  target->last_failure.clear();
}

void BusLinks::on_link_down(BusLink& link, bool was_up, const std::string& reason) {
  closed_.push_back(&link);
  tick_every(kTickMs);
  if (was_up) statistics_.links.add(static_cast<uint64_t>(-1));
  if (link.refusal()) statistics_.handshakes_refused.add(1);
  const LogLevel level = options_.log_links ? LogLevel::kNotice : LogLevel::kVerbose;
  if (!link.outgoing()) {
    --incoming_;
    if (!was_up) --strangers_;
    if (was_up) {
      log_text(LogLevel::kVerbose,
               "Node " + node_name(link.peer().id) + " from " + link.address() + " is gone: " + reason);
    } else {
      log_refusal(link, reason);
    }
    return;
  }
  const auto found = std::find_if(targets_.begin(), targets_.end(),
                                  [&](const auto& target) { return target->link == &link; });
  Target* target = found == targets_.end() ? nullptr : found->get();
  if (target != nullptr) {
    target->link = nullptr;
    if (was_up && now_ms_ - link.up_since_ms() >= options_.last_retry_ms) target->retry_delay_ms = 0;
    retry_later(*target);
    // It takes somebody's hand to change that.
    const bool final = link.refusal().has_value() && link.refusal() != RefusalReason::kTimeout;
    if (final) target->retry_at_ms = now_ms_ + options_.refused_retry_ms;
    if (link.refusal() == RefusalReason::kSelf) target->retry_at_ms = now_ms_ + kSelfRetryMs;
  }
  if (!was_up) {
    if (target != nullptr) log_failure(*target, link, reason);
    return;
  }
  const NodeId id = link.peer().id;
  if (find_up(id) != &link) return;
  up_.erase(id);
  TwinTable::of_process().forget(id);
  statistics_.losses.add(1);
  if (target != nullptr) target->last_failure = reason;
  log_text(level,
           "Lost the link to node " + node_name(id) + ", on the bus at " + link.address() + ": " + reason);
  handler_.on_disconnected(id, reason);
}

void BusLinks::retry_later(Target& target) {
  target.retry_delay_ms =
      std::clamp(2 * target.retry_delay_ms, options_.first_retry_ms, options_.last_retry_ms);
  const int64_t half = target.retry_delay_ms / 2;
  target.retry_at_ms =
      now_ms_ + half + static_cast<int64_t>(thread_random().below(static_cast<uint64_t>(half) + 1));
}

void BusLinks::log_failure(Target& target, const BusLink& link, std::string reason) {
  // As a port for clients does, which waits for the end of a line; or, if random bytes of ours end one, answers.
  const bool is_another_port =
      link.refusal() == RefusalReason::kTimeout || link.refusal() == RefusalReason::kMalformed;
  if (!target.id.valid() && is_another_port)
    reason += ". Is it the bus port? By default that is the port for clients + 10000";
  if (reason.empty() || target.last_failure == reason) return;
  target.last_failure = reason;
  target.is_self = link.refusal() == RefusalReason::kSelf;
  if (target.is_self) return log_text(LogLevel::kVerbose, "Seed " + target.address + " is this node itself");
  const bool refused = link.refusal().has_value() && link.refusal() != RefusalReason::kTimeout;
  LogLevel level = refused ? LogLevel::kWarning : LogLevel::kNotice;
  // Of a node that is known its own target tells.
  const bool told_elsewhere = !target.id.valid() && target.resident.valid();
  if (!options_.log_links || told_elsewhere) level = LogLevel::kVerbose;
  const std::string who = target.id.valid() ? "node " + node_name(target.id) + ", on the bus at " : "seed ";
  log_text(level, "No link to " + who + target.address + ": " + reason + "; trying on");
}

void BusLinks::log_refusal(const BusLink& link, const std::string& reason) {
  if (link.refusal() == RefusalReason::kSelf) return;
  // The same from the same host is told once in a while.
  const std::string line = link.address().substr(0, link.address().rfind(':')) + reason;
  if (const auto [told, first] = refusals_told_.try_emplace(line, now_ms_); !first) {
    if (now_ms_ - told->second < kSameRefusalMs) return;
    told->second = now_ms_;
  }
  if (refusals_told_.size() > kRefusalsRemembered) refusals_told_.clear();
  if (refusal_lines_++ >= kRefusalLinesPerPeriod) return;
  log_text(LogLevel::kWarning, "Refused " + link.address() + " on the bus: " + reason);
}

// A seed of a node that is linked.
bool BusLinks::found(const Target& target) const {
  return !target.id.valid() && target.resident.valid() && up_.contains(target.resident);
}

bool BusLinks::rests(const Target& target) const {
  return target.link != nullptr || target.retry_at_ms > now_ms_ || found(target);
}

void BusLinks::tick_every(int64_t period_ms) {
  if (tick_ms_ == period_ms) return;
  tick_ms_ = period_ms;
  tick_timer_->start(period_ms, period_ms);
}

bool BusLinks::busy() const {
  return strangers_ != 0 || std::any_of(targets_.begin(), targets_.end(), [this](const auto& target) {
           if (target->link != nullptr) return target->link->state() != BusLink::State::kUp;
           return target->retry_at_ms - now_ms_ <= kIdleTickMs && !found(*target);
         });
}

void BusLinks::on_tick() {
  const int64_t period = now_ms_ / kRefusalPeriodMs;
  now_ms_ += tick_ms_;
  if (now_ms_ / kRefusalPeriodMs != period) {
    if (refusal_lines_ > kRefusalLinesPerPeriod) {
      log_text(LogLevel::kWarning, "Refused " + std::to_string(refusal_lines_ - kRefusalLinesPerPeriod) +
                                       " more connections on the bus");
    }
    refusal_lines_ = 0;
  }
  // The handler may change the targets and adopt links meanwhile.
  std::vector<BusLink*> links;
  links.reserve(links_.size());
  for (const auto& [id, link] : links_) links.push_back(link.get());
  for (BusLink* link : links) link->on_time(now_ms_);
  for (const auto& target : targets_) {
    if (!rests(*target)) connect(*target);
  }
  tick_every(busy() ? kTickMs : kIdleTickMs);
}

void BusLinks::output_pending(BusLink& link) {
  if (link.in_output_list) return;
  link.in_output_list = true;
  outputs_.push_back(&link);
}

void BusLinks::flush() {
  // The loss of one link may make the handler send on others.
  for (size_t i = 0; i < outputs_.size(); ++i) {
    outputs_[i]->in_output_list = false;
    outputs_[i]->flush();
  }
  outputs_.clear();
  for (BusLink* link : std::exchange(closed_, {})) links_.erase(link->id());
}

std::vector<BusLinkReport> BusLinks::links() const {
  std::vector<BusLinkReport> reports;
  for (const auto& [id, link] : links_) {
    if (link->state() != BusLink::State::kUp) continue;
    reports.push_back(
        {link->peer().id, link->outgoing(), now_ms_ - link->up_since_ms(), link->queued_bytes()});
  }
  return reports;
}

std::vector<BusTargetReport> BusLinks::report() const {
  std::vector<BusTargetReport> reports;
  for (const auto& target : targets_) {
    BusTargetReport report{target->id, target->address, false, target->last_failure, target->is_self, 0};
    if (!report.id.valid()) report.id = target->resident;
    if (target->link != nullptr) {
      report.connected = target->link->state() == BusLink::State::kUp;
      report.queued_bytes = target->link->queued_bytes();
    }
    if (!report.connected && report.id.valid() && !target->id.valid()) {
      report.connected = up_.contains(report.id);
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace starling::server
