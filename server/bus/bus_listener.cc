#include "server/bus/bus_listener.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "server/process/log.h"

namespace starling::server {

namespace {

// Connections that have not introduced themselves; more are given to the loops as they are.
constexpr size_t kMostWaiting = 64;
// The same after so long.
constexpr int64_t kWaitMs = 1000;
// An introduction is no longer.
constexpr size_t kLookedAtBytes = 1024;

}  // namespace

// One whose first bytes are awaited.
class BusListener::Waiting final : public FdHandler {
 public:
  Waiting(BusListener& owner, AcceptedSocket accepted)
      : socket(std::move(accepted)), owner_(owner), watcher_(std::in_place, owner.loop_, socket.fd, *this) {
    watcher_->watch(kReadable);
  }
  ~Waiting() override {
    watcher_.reset();
    if (!decided) ::close(socket.fd);
  }
  // The descriptor is somebody else's from then on.
  AcceptedSocket give() {
    watcher_.reset();
    decided = true;
    return std::move(socket);
  }

  AcceptedSocket socket;
  bool decided = false;

 private:
  void on_events(int) override {
    if (!decided) owner_.decide(*this);
  }

  BusListener& owner_;
  std::optional<FdWatcher> watcher_;
};

BusListener::BusListener(EventLoop& loop, std::vector<BusLoop> loops, Adopt life_signs)
    : loop_(loop), life_signs_(std::move(life_signs)), loops_(std::move(loops)) {
  timer_ = std::make_unique<Timer>(loop_, [this] {
    for (const auto& waiting : waiting_) {
      if (!waiting->decided) spread(waiting->give());
    }
    forget_decided();
  });
}

BusListener::~BusListener() = default;

void BusListener::take(AcceptedSocket socket) {
  forget_decided();
  if (!life_signs_ || waiting_.size() >= kMostWaiting) return spread(std::move(socket));
  waiting_.push_back(std::make_unique<Waiting>(*this, std::move(socket)));
  timer_->start(kWaitMs, 0);
}

void BusListener::decide(Waiting& waiting) {
  char bytes[kLookedAtBytes];
  const ssize_t count = ::recv(waiting.socket.fd, bytes, sizeof bytes, MSG_PEEK);
  const std::string_view begin(bytes, static_cast<size_t>(std::max<ssize_t>(count, 0)));
  // An introduction that comes in parts is any other's.
  const bool life_signs = cluster::begins_life_signs(begin).value_or(false);
  AcceptedSocket socket = waiting.give();
  if (life_signs) return life_signs_(std::move(socket));
  spread(std::move(socket));
}

void BusListener::forget_decided() {
  std::erase_if(waiting_, [](const auto& waiting) { return waiting->decided; });
}

engine::Status BusListener::open(const std::vector<std::string>& addresses, int port, int backlog) {
  for (std::string address : addresses) {
    const bool optional = address.starts_with('-');
    if (optional) address.erase(0, 1);
    int fd = -1;
    engine::Status status = listen_tcp(address, port, backlog, &fd);
    if (status.ok()) {
      listeners_.push_back(std::make_unique<Listener>(
          loop_, fd, Door::kPlain, "", [this](AcceptedSocket socket) { take(std::move(socket)); }));
    } else if (optional) {
      log_text(LogLevel::kVerbose, "Bus: " + status.message() + "; going on without it");
    } else {
      return status;
    }
  }
  if (listeners_.empty()) return {engine::StatusCode::kInvalid, "no address for the bus port to listen on"};
  return {};
}

void BusListener::spread(AcceptedSocket socket) {
  const BusLoop& to = loops_[next_++ % loops_.size()];
  if (to.loop == &loop_) return to.links->adopt(std::move(socket));
  to.loop->post([links = to.links, socket = std::move(socket)] { links->adopt(socket); });
}

}  // namespace starling::server
