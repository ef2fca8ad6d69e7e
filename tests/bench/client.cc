#include "tests/bench/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace starling::bench {
namespace {

constexpr size_t kMinReceiveBytes = 256 * 1024;
constexpr size_t kMaxErrorBytes = 200;
constexpr uint64_t kSecondNs = 1'000'000'000;

uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecondNs + static_cast<uint64_t>(now.tv_nsec);
}

double own_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string system_error(const char* what) {
  return std::string(what) + ": " + std::strerror(errno);
}

}  // namespace

struct Client::Connection {
  int fd = -1;
  size_t node = 0;
  bool waits_for_write = false;
  std::vector<Request> batch;
  size_t answered = 0;  // How many of `batch` have their reply.
  uint64_t sent_at_ns = 0;
  std::string unsent;   // The rest of the batch that the socket did not take yet.
  std::string partial;  // The beginning of a reply whose end has not arrived.

  ~Connection() {
    if (fd >= 0) close(fd);
  }
};

// One run of Client::run(): its state, its counts.
class Client::Phase {
 public:
  Phase(int epoll, const PhaseOptions& options, const SlotOwners* owners, PhaseResult* result)
      : epoll_(epoll), options_(options), workload_(options.workload), result_(result) {
    if (owners != nullptr) workload_.route_by(owners);
    send_buffer_.resize(options.pipeline * workload_.max_request_bytes());
    receive_buffer_.resize(std::max(kMinReceiveBytes, 4 * options.workload.value_size_bytes));
    started_ns_ = last_reply_ns_ = now_ns();
    if (options.seconds > 0) deadline_ns_ = started_ns_ + static_cast<uint64_t>(options.seconds * 1e9);
  }

  bool run(std::vector<std::unique_ptr<Connection>>& connections);
  const std::string& error() const { return error_; }

 private:
  bool fail(std::string error) {
    error_ = std::move(error);
    return false;
  }
  bool handle(Connection& connection, uint32_t events);
  bool send_batch(Connection& connection, uint64_t now);
  bool send_bytes(Connection& connection, const char* data, size_t size);
  bool send_rest(Connection& connection);
  bool watch_for_write(Connection& connection, bool wanted);
  bool receive(Connection& connection);
  bool consume(Connection& connection, size_t size, uint64_t now);
  void judge(const Request& request, const Reply& reply);
  void count(const Connection& connection, uint64_t replies, uint64_t now);

  int epoll_;
  const PhaseOptions& options_;
  Workload workload_;
  PhaseResult* result_;
  std::string error_;
  std::string send_buffer_;
  std::string receive_buffer_;
  uint64_t started_ns_ = 0;
  uint64_t deadline_ns_ = UINT64_MAX;
  uint64_t last_reply_ns_ = 0;
  uint64_t issued_ = 0;
  size_t busy_connections_ = 0;
};

bool Client::Phase::run(std::vector<std::unique_ptr<Connection>>& connections) {
  for (auto& connection : connections) {
    if (!send_batch(*connection, started_ns_)) return false;
  }
  std::vector<epoll_event> events(connections.size());
  while (busy_connections_ > 0) {
    const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), options_.timeout_ms);
    if (ready < 0 && errno != EINTR) return fail(system_error("epoll_wait"));
    if (ready == 0) return fail("no reply in " + std::to_string(options_.timeout_ms) + " ms");
    for (int i = 0; i < ready; ++i) {
      if (!handle(*static_cast<Connection*>(events[i].data.ptr), events[i].events)) return false;
    }
  }
  result_->seconds = static_cast<double>(last_reply_ns_ - started_ns_) * 1e-9;
  return true;
}

bool Client::Phase::handle(Connection& connection, uint32_t events) {
  if ((events & EPOLLOUT) != 0 && !send_rest(connection)) return false;
  if ((events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) return receive(connection);
  return true;
}

bool Client::Phase::send_batch(Connection& connection, uint64_t now) {
  uint64_t size = now < deadline_ns_ ? options_.pipeline : 0;
  if (options_.requests != 0) size = std::min(size, options_.requests - issued_);
  connection.batch.clear();
  connection.answered = 0;
  char* out = send_buffer_.data();
  Request request{};
  while (connection.batch.size() < size && workload_.next(connection.node, &request)) {
    connection.batch.push_back(request);
    out = workload_.encode(request, out);
  }
  if (connection.batch.empty()) return true;
  issued_ += connection.batch.size();
  ++busy_connections_;
  connection.sent_at_ns = now_ns();
  return send_bytes(connection, send_buffer_.data(), static_cast<size_t>(out - send_buffer_.data()));
}

bool Client::Phase::send_bytes(Connection& connection, const char* data, size_t size) {
  const ssize_t sent = send(connection.fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return fail(system_error("send"));
  const size_t taken = sent < 0 ? 0 : static_cast<size_t>(sent);
  if (taken == size) return true;
  connection.unsent.assign(data + taken, size - taken);
  return watch_for_write(connection, true);
}

bool Client::Phase::send_rest(Connection& connection) {
  const std::string rest = std::move(connection.unsent);
  connection.unsent.clear();
  if (!send_bytes(connection, rest.data(), rest.size())) return false;
  return !connection.unsent.empty() || watch_for_write(connection, false);
}

bool Client::Phase::watch_for_write(Connection& connection, bool wanted) {
  if (connection.waits_for_write == wanted) return true;
  connection.waits_for_write = wanted;
  epoll_event event{};
  event.events = EPOLLIN | (wanted ? static_cast<uint32_t>(EPOLLOUT) : 0);
  event.data.ptr = &connection;
  return epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event) == 0 || fail(system_error("epoll_ctl"));
}

bool Client::Phase::receive(Connection& connection) {
  const size_t before = connection.partial.size();
  std::memcpy(receive_buffer_.data(), connection.partial.data(), before);
  const ssize_t received =
      recv(connection.fd, receive_buffer_.data() + before, receive_buffer_.size() - before, MSG_DONTWAIT);
  if (received == 0) return fail("the server closed a connection");
  if (received < 0) return errno == EAGAIN || errno == EINTR || fail(system_error("recv"));
  return consume(connection, before + static_cast<size_t>(received), now_ns());
}

bool Client::Phase::consume(Connection& connection, size_t size, uint64_t now) {
  const char* position = receive_buffer_.data();
  const char* end = position + size;
  const size_t answered_before = connection.answered;
  Reply reply;
  while (true) {
    const ParseResult parsed = parse_reply(&position, end, &reply);
    if (parsed == ParseResult::kIncomplete) break;
    if (parsed == ParseResult::kMalformed) return fail("a reply that is no RESP2");
    if (connection.answered == connection.batch.size()) return fail("a reply that nobody asked for");
    judge(connection.batch[connection.answered++], reply);
  }
  const auto rest = static_cast<size_t>(end - position);
  if (rest == receive_buffer_.size()) return fail("a reply larger than any value");
  connection.partial.assign(position, rest);
  count(connection, connection.answered - answered_before, now);
  if (connection.answered < connection.batch.size()) return true;
  --busy_connections_;
  return send_batch(connection, now);
}

void Client::Phase::judge(const Request& request, const Reply& reply) {
  switch (workload_.check(request, reply)) {
    case ReplyCheck::kOk:
      return;
    case ReplyCheck::kMiss:
      ++result_->misses;
      return;
    case ReplyCheck::kWrong:
      break;
  }
  ++result_->errors;
  if (result_->first_error.empty()) {
    result_->first_error = std::string(1, reply.type).append(reply.text.substr(0, kMaxErrorBytes));
  }
}

void Client::Phase::count(const Connection& connection, uint64_t replies, uint64_t now) {
  const size_t second = (now - started_ns_) / kSecondNs;
  if (result_->series.size() <= second) result_->series.resize(second + 1);
  SecondSummary& summary = result_->series[second];
  summary.max_silence_ns = std::max(summary.max_silence_ns, now - last_reply_ns_);
  last_reply_ns_ = now;
  if (replies == 0) return;
  const uint64_t latency = now - connection.sent_at_ns;
  result_->latency.record(latency, replies);
  result_->requests += replies;
  summary.requests += replies;
  summary.max_latency_ns = std::max(summary.max_latency_ns, latency);
}

Client::Client() = default;

Client::~Client() {
  if (epoll_ >= 0) close(epoll_);
}

bool Client::open(const Address& node_address, size_t node, std::string* error) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(node_address.port));
  if (inet_pton(AF_INET, node_address.host.c_str(), &address.sin_addr) != 1) {
    *error = node_address.host + " is no IPv4 address";
    return false;
  }
  auto connection = std::make_unique<Connection>();
  connection->node = node;
  connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection->fd < 0 ||
      ::connect(connection->fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    *error = system_error("connect");
    return false;
  }
  const int on = 1;
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = connection.get();
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connection->fd, &event) != 0) {
    *error = system_error("epoll_ctl");
    return false;
  }
  connections_.push_back(std::move(connection));
  return true;
}

bool Client::connect(const std::vector<Address>& nodes, size_t connections, std::string* error) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  for (size_t i = 0; i < connections; ++i)
    if (!open(nodes[i % nodes.size()], i % nodes.size(), error)) return false;
  return true;
}

bool Client::run(const PhaseOptions& options, PhaseResult* result, std::string* error) {
  const double cpu_before = own_cpu_seconds();
  Phase phase(epoll_, options, owners_, result);
  const bool ok = phase.run(connections_);
  result->client_cpu_seconds = own_cpu_seconds() - cpu_before;
  if (!ok) *error = phase.error();
  return ok;
}

}  // namespace starling::bench
