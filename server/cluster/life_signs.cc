#include "server/cluster/life_signs.h"

#include <unistd.h>

#include <utility>

#include "server/cluster/cluster_node.h"
#include "server/process/log.h"

namespace starling::server {
namespace {

// How often a peer is asked.
constexpr int64_t kAskEveryMs = 300;
constexpr int64_t kWatchEveryMs = 500;
// A loop may be busy for so long.
constexpr int64_t kStillUs = 20'000'000;

BusOptions options_of(BusOptions options) {
  options.ping_after_ms = kAskEveryMs;
  options.log_links = false;
  return options;
}

}  // namespace

LifeSigns::LifeSigns(ClusterNode& node, const BusOptions& options, std::vector<EventLoop*> watched)
    : node_(node), options_(options_of(options)) {
  for (EventLoop* loop : watched)
    watched_.push_back({loop, std::make_shared<std::atomic<int64_t>>(clock_us()),
                        std::make_shared<std::atomic<bool>>(false)});
  last_watch_us_ = clock_us();
  open_links();
  loop_.set_pass_hook([this] {
    if (links_) links_->flush();
  });
  watch_timer_ = std::make_unique<Timer>(loop_, [this] { watch(); });
  watch_timer_->start(kWatchEveryMs, kWatchEveryMs);
}

LifeSigns::~LifeSigns() {
  if (thread_.joinable()) {
    loop_.stop();
    thread_.join();
  }
  watch_timer_.reset();
  links_.reset();
}

void LifeSigns::start() {
  thread_ = std::thread([this] { loop_.run(); });
}

void LifeSigns::open_links() {
  links_.emplace(loop_, static_cast<BusHandler&>(*this), options_);
  links_->set_peers(peers_);
}

void LifeSigns::set_peers(std::vector<BusPeer> peers) {
  loop_.post([this, peers = std::move(peers)] {
    peers_ = peers;
    if (links_) links_->set_peers(peers_);
  });
}

void LifeSigns::adopt(AcceptedSocket socket) {
  loop_.post([this, socket = std::move(socket)] {
    if (links_) return links_->adopt(socket);
    ::close(socket.fd);
  });
}

void LifeSigns::watch() {
  const int64_t now_us = clock_us();
  // A process that was stopped as a whole knows nothing of its loops yet.
  const bool paused = now_us - std::exchange(last_watch_us_, now_us) > 4 * kWatchEveryMs * 1000;
  bool still = false;
  for (const Watched& watched : watched_) {
    if (watched.asked->exchange(true)) {
      if (paused) watched.turned_us->store(now_us);
      still |= now_us - watched.turned_us->load() > kStillUs;
      continue;
    }
    watched.turned_us->store(now_us);
    watched.loop->post([this, turned_us = watched.turned_us, asked = watched.asked] {
      turned_us->store(clock_us());
      asked->store(false);
    });
  }
  if (still && links_) {
    log_text(LogLevel::kWarning,
             "A loop stands still for more than 20 s: the other nodes get no sign of life");
    links_.reset();
  } else if (!still && !links_) {
    open_links();
  }
}

int64_t LifeSigns::clock_us() {
  return node_.monotonic_us();
}

cluster::Introduction LifeSigns::introduction() {
  cluster::Introduction introduction = node_.introduction();
  introduction.life_signs = true;
  return introduction;
}

void LifeSigns::on_connected(const cluster::Introduction& peer) {
  node_.on_heard(peer.id, true);
}

void LifeSigns::on_accepted(const cluster::Introduction& peer, LinkId) {
  node_.on_heard(peer.id, false);
}

// Who does not know what the connection is for may say on it that it stops, and waits for the answer.
void LifeSigns::on_frame(const cluster::NodeId&, LinkId link, cluster::FrameKind kind, uint64_t correlation,
                         std::string_view) {
  if (kind == cluster::FrameKind::kLeaving)
    (void)links_->reply(link, cluster::FrameKind::kLeavingReply, correlation, {});
}

void LifeSigns::on_disconnected(const cluster::NodeId& peer, const std::string&) {
  node_.on_unreachable(peer);
}

void LifeSigns::on_heard(const cluster::NodeId& peer, bool answers) {
  node_.on_heard(peer, answers);
}

}  // namespace starling::server
