// Whom it follows, and the connection to it. The copy: follower_copy.cc.
#include "server/replica_of/follower.h"

#include <algorithm>
#include <utility>

#include "server/replica_of/request_text.h"

namespace starling::server {
namespace {

constexpr int64_t kTickMs = 1000;
constexpr int64_t kConnectMs = 5000;
// As Redis's repl-timeout: the leader says something every 10 s at least.
constexpr int64_t kSilenceMs = 60'000;
constexpr int kKeepAliveSeconds = 60;

Follower* the_follower = nullptr;

}  // namespace

Follower::Follower(EventLoop& loop, FollowerHost host, std::string directory, std::string configured)
    : loop_(loop),
      host_(std::move(host)),
      configured_(std::move(configured)),
      timer_(loop, [this] { on_tick(); }),
      file_(directory),
      stream_(directory) {
  the_follower = this;
}

Follower* Follower::of_process() {
  return the_follower;
}

Follower::~Follower() {
  the_follower = nullptr;
  drop_link();
  close_client();
}

void Follower::begin(const RememberedLeader& remembered) {
  if (!remembered.leader) return;
  leader_ = remembered.leader;
  complete_ = remembered.complete;
  unlinked_ms_ = host_.monotonic_ms();
  host_.keep_expired(true);
  host_.log(false,
            "Following " + address() + (complete_ ? "" : "; an earlier copy of its data was not finished"));
  set_state(complete_ ? FollowerRole::State::kFollowing : FollowerRole::State::kIncomplete);
  timer_.start(0, kTickMs);
}

std::string Follower::follow(const LeaderAddress& leader, bool* already) {
  *already = leader_ == leader && stopping_ == nullptr;
  if (*already) return {};
  if (stopping_ != nullptr) return "an earlier REPLICAOF NO ONE is under way";
  if (std::string failure = host_.remember({configured_, leader, complete_}); !failure.empty())
    return failure;
  drop_link();
  close_client();
  feed_.reset();
  id_.clear();
  failures_ = 0;
  retry_ms_ = 0;
  begin({configured_, leader, complete_});
  report();
  return {};
}

void Follower::stop(std::function<void(const std::string& failure)> done) {
  if (!leader_) return done("");
  if (stopping_ != nullptr) return done("an earlier REPLICAOF NO ONE is under way");
  drop_link();
  close_client();
  feed_.reset();
  id_.clear();
  stopping_ = std::move(done);
  if (complete_) return finish_stopping("");
  host_.log(true, "The copy of " + address() + "'s data is not whole: what there is of it is dropped");
  if (std::string failure = open_client(); !failure.empty()) return finish_stopping(failure);
  feed_ = std::make_unique<CopyFeed>(host_.limits());
  feed_->begin_drop();
  pump();
}

void Follower::finish_stopping(const std::string& failure) {
  close_client();
  feed_.reset();
  std::string failed = failure;
  if (failed.empty()) failed = host_.remember({configured_, {}, true});
  if (failed.empty()) {
    host_.log(false, "No longer following " + address() + "; clients may write");
    leader_.reset();
    timer_.stop();
    file_.clear();
    stream_.clear();
    complete_ = true;
    last_error_.clear();
    host_.keep_expired(false);
    set_state(FollowerRole::State::kNone);
  }
  retry_after(kTickMs);
  const auto done = std::exchange(stopping_, nullptr);
  done(failed);
}

std::string Follower::address() const {
  const bool v6 = leader_->host.find(':') != std::string::npos;
  return (v6 ? "[" + leader_->host + "]" : leader_->host) + ":" + std::to_string(leader_->port);
}

void Follower::set_state(FollowerRole::State state) {
  report();
  FollowerRole::of_process().set_state(state);
}

void Follower::retry_after(int64_t delay_ms) {
  retry_ms_ = host_.monotonic_ms() + delay_ms;
}

// --- The connection.

void Follower::on_tick() {
  if (!leader_ || stopping_ != nullptr) return;
  const int64_t now_ms = host_.monotonic_ms();
  if (connector_ != nullptr && now_ms - heard_ms_ > kConnectMs) lost("no connection within 5 s");
  if (link_ != nullptr && now_ms - heard_ms_ > kSilenceMs) lost("it has said nothing for 60 s");
  if (link_ == nullptr && connector_ == nullptr && now_ms >= retry_ms_) connect();
  if (link_ != nullptr && link_->phase() == LeaderLink::Phase::kStream) acknowledge();
  tell_errors();
  report();
}

void Follower::connect() {
  heard_ms_ = host_.monotonic_ms();
  connector_ = std::make_unique<Connector>(loop_, address(), [this](int fd, const std::string& failure) {
    connector_.reset();
    if (fd < 0) return lost(std::string(failure));
    on_connected(fd);
  });
}

void Follower::on_connected(int fd) {
  set_socket_options(fd, kKeepAliveSeconds);
  heard_ms_ = host_.monotonic_ms();
  leader_socket_ = ByteSocket::open(loop_, fd,
                                    {.came = [this](std::string_view bytes) { on_leader_bytes(bytes); },
                                     .ended = [this](const std::string& why) { lost(why); }});
  LeaderLink::Options options = host_.greeting();
  options.id = id_;
  options.offset = received_;
  link_ = std::make_unique<LeaderLink>(*this, std::move(options));
  link_->start();
  report();
}

void Follower::on_leader_bytes(std::string_view bytes) {
  heard_ms_ = host_.monotonic_ms();
  const bool goes_on = link_->receive(bytes);
  if (!broken_.empty()) return copy_failed(std::exchange(broken_, {}));
  if (!goes_on) return lost(std::string(link_->failure()));
  pump();
  report();
}

void Follower::lost(const std::string& why) {
  // Once for each reason: it is tried every second.
  if (link_ != nullptr || why != last_error_) host_.log(true, "The leader " + address() + ": " + why);
  last_error_ = why;
  drop_link();
  retry_after(kTickMs);
  report();
}

void Follower::drop_link() {
  if (link_ != nullptr) unlinked_ms_ = host_.monotonic_ms();
  connector_.reset();
  if (leader_socket_ != nullptr) leader_socket_->close();
  leader_socket_.reset();
  link_.reset();
  broken_.clear();
  // Of a file that has not come whole nothing is used.
  if (checked_ != nullptr) file_.clear();
  checked_.reset();
}

void Follower::acknowledge() {
  const int64_t applied = feed_ != nullptr ? feed_->applied() : received_;
  leader_socket_->send(request_text({"REPLCONF", "ACK", std::to_string(applied)}));
}

void Follower::send(std::string_view bytes) {
  leader_socket_->send(bytes);
}

void Follower::report() {
  if (!leader_) return FollowerRole::of_process().set_report({});
  FollowerReport report;
  report.host = leader_->host;
  report.port = leader_->port;
  report.heard_ms = heard_ms_;
  report.unlinked_ms = unlinked_ms_;
  report.read_offset = report.applied_offset = received_;
  report.last_error = last_error_;
  if (link_ != nullptr) {
    report.linked = link_->phase() == LeaderLink::Phase::kStream;
    report.stage = report.linked         ? Stage::kFollowing
                   : checked_ != nullptr ? Stage::kReceiving
                                         : Stage::kGreeting;
  }
  if (checked_ != nullptr) {
    report.file_bytes = file_size_;
    report.file_done = static_cast<int64_t>(file_.left());
  } else if (feed_ != nullptr) {
    report.applied_offset = feed_->applied();
    report.keys_loaded = feed_->keys_loaded();
    report.errors = feed_->errors();
    if (report.errors != 0) report.last_error = feed_->last_error();
    if (!complete_) {
      report.stage = Stage::kLoading;
      report.file_bytes = static_cast<int64_t>(file_.taken() + file_.left());
      report.file_done = static_cast<int64_t>(file_.taken());
    }
  }
  FollowerRole::of_process().set_report(std::move(report));
}

}  // namespace starling::server
