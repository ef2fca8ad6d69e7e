#include "server/server.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "engine/base/assert.h"
#include "engine/replica/replication.h"
#include "server/clock_keeper.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/commands/families.h"
#include "server/config.h"
#include "server/execute/function_file.h"
#include "server/execute/rights.h"
#include "server/execute/user_file.h"
#include "server/follower_host.h"
#include "server/metrics/process_memory.h"
#include "server/process/allocator.h"
#include "server/process/banner.h"
#include "server/process/log.h"
#include "server/process/supervisor.h"
#include "server/session/pubsub.h"
#include "server/session/tracking.h"

namespace starling::server {
namespace {

constexpr int64_t kClockTickMs = 1000;
constexpr char kMaxClientsRefusal[] = "-ERR max number of clients reached\r\n";

uint64_t random_seed() {
  std::random_device device;
  return static_cast<uint64_t>(device()) << 32 | device();
}

std::string random_hex(size_t digits) {
  std::random_device device;
  std::string text;
  while (text.size() < digits) text += "0123456789abcdef"[device() & 15];
  return text;
}

// A second one changes nothing: what is pending gets to the disk.
const std::vector<int> kStopSignals = {SIGTERM, SIGINT};

}  // namespace

Server::Server(Config& config)
    : config_(config),
      settings_(config.settings()),
      commands_(all_families()),
      users_(catalogue_of(commands_)),
      running_scripts_(static_cast<size_t>(settings_.io_threads), clock_),
      snapshots_(clock_),
      tls_door_(settings_),
      pubsub_(std::make_unique<PubSub>(settings_)),
      tracking_(std::make_unique<Tracking>(*this)),
      started_ms_(clock_.wall_ms()),
      run_id_(random_hex(40)) {
  set_notification_sink(pubsub_.get());
  add_detach_hook([this](Client& client) {
    pubsub_->forget(client);
    tracking_->disable(client);
  });
}

Server::~Server() = default;

engine::Status Server::open() {
  const int wanted = static_cast<int>(settings().max_clients.get());
  max_clients_ = raise_descriptor_limit(wanted);
  if (max_clients_ < wanted) {
    log_text(LogLevel::kWarning, "The limit of open files leaves room for " + std::to_string(max_clients_) +
                                     " clients, not for the " + std::to_string(wanted) +
                                     " of 'maxclients'. Raise it with 'ulimit -n'.");
  }
  engine::Status status = prepare_engine();
  if (status.ok()) status = load_functions(function_directory(*this));
  if (status.ok()) status = load_users(*this);
  if (!status.ok()) return status;
  script_memory_.set_limit(settings().lua_memory_bytes);
  for (int i = 0; i < static_cast<int>(settings().io_threads); ++i) {
    io_threads_.push_back(std::make_unique<IoThread>(*this, i));
  }
  engine_->subscribe_durable([this] {
    if (engine_->dead()) {
      log_text(LogLevel::kWarning,
               "The commit log could not be made durable. What was not answered yet may or may not "
               "be on disk; stopping, to be started again.");
      request_shutdown();
    }
    for (const auto& io_thread : io_threads_)
      io_thread->loop().post([&io_thread] { io_thread->on_durable(); });
  });
  if (engine_->options().durable) engine_->offload([this] { snapshots_.count_bytes(settings_.directory); });
  watch_settings();
  keep_clock({});
  pulse_.begin(*this);
  return open_ports();
}

engine::Status Server::prepare_engine() {
  const Settings& settings = settings_;
  engine::Options options;
  options.durable = settings.storage == Storage::kRocksDb;
  options.directory = settings.directory;
  options.hash_seed = random_seed();
  options.max_memory_bytes = static_cast<uint64_t>(settings.max_memory_bytes.get());
  options.policy = settings.eviction_policy;
  options.samples = static_cast<int>(settings.eviction_samples.get());
  options.fsync = settings.fsync;
  options.checkpoint_log_bytes = static_cast<uint64_t>(settings.checkpoint_log_bytes);
  options.disk_threads = static_cast<int>(settings.disk_threads);
  options.block_cache_bytes = static_cast<uint64_t>(settings.block_cache_bytes);
  options.resident_bytes = resident_bytes;
  options.heap = packing_heap();
  options.replicated = settings.cluster_enabled;
  // Not before the node knows what time it is.
  options.active_expire = !settings.cluster_enabled;
  options.took = [this](engine::Activity activity, int64_t duration_us) {
    note_activity(activity, duration_us);
  };
  return engine::Engine::prepare(
      options, clock_, random_seed(), *this,
      [](const std::string& line) { log_text(LogLevel::kNotice, line); }, &engine_);
}

void Server::keep_clock(const cluster::NodeId& self) {
  clock_keeper_ =
      std::make_unique<ClockKeeper>(clock_, self, [this] { return engine::last_stamp(*engine_); });
}

void Server::note_activity(engine::Activity activity, int64_t duration_us) {
  const LatencyEvent event = activity == engine::Activity::kSyncForReplies ? LatencyEvent::kSyncForReplies
                             : activity == engine::Activity::kExpiry       ? LatencyEvent::kExpiry
                                                                           : LatencyEvent::kSyncInBackground;
  latency_.add(event, clock_.wall_ms() / 1000, duration_us / 1000, settings().latency_threshold_ms);
}

void Server::watch_settings() {
  config_.on_change("maxmemory", [this] {
    engine_->set_max_memory(static_cast<uint64_t>(settings().max_memory_bytes.get()));
    const std::string warning = warning_of_low_maxmemory(settings());
    if (!warning.empty()) log_text(LogLevel::kWarning, warning);
    return engine::Status();
  });
  const auto apply_policy = [this] {
    engine_->set_policy(settings().eviction_policy, static_cast<int>(settings().eviction_samples.get()));
    return engine::Status();
  };
  config_.on_change("maxmemory-policy", apply_policy);
  config_.on_change("maxmemory-samples", apply_policy);
  config_.on_change("lua-memory-limit", [this] {
    script_memory_.set_limit(settings().lua_memory_bytes);
    return engine::Status();
  });
  config_.on_change("appendfsync", [this] {
    engine_->set_fsync(settings().fsync);
    return engine::Status();
  });
  for (const std::string_view name : TlsDoor::kSettings)
    config_.on_change(name, [this] { return tls_door_.reload(clock_.wall_ms()); });
  config_.on_change("maxclients", [this] {
    const int wanted = static_cast<int>(settings().max_clients.get());
    const int possible = raise_descriptor_limit(wanted);
    if (possible < wanted) {
      return engine::Status(
          engine::StatusCode::kInvalid,
          "The operating system is not able to handle the specified number of clients, try with " +
              std::to_string(possible));
    }
    max_clients_ = wanted;
    return engine::Status();
  });
}

void Server::listen(int fd, Door door, std::string path) {
  listeners_.push_back(
      std::make_unique<Listener>(io_threads_.front()->loop(), fd, door, std::move(path),
                                 [this](AcceptedSocket socket) { distribute(std::move(socket)); }));
}

engine::Status Server::open_port(int64_t port, Door door) {
  for (std::string address : settings().bind) {
    const bool optional = address.starts_with('-');
    if (optional) address.erase(0, 1);
    int fd = -1;
    engine::Status status =
        listen_tcp(address, static_cast<int>(port), static_cast<int>(settings().tcp_backlog), &fd);
    if (status.ok()) {
      listen(fd, door, "");
    } else if (optional) {
      log_text(LogLevel::kVerbose, status.message() + "; going on without it");
    } else {
      return status;
    }
  }
  return {};
}

engine::Status Server::open_ports() {
  engine::Status status;
  if (settings().port != 0) status = open_port(settings().port, Door::kPlain);
  if (status.ok() && settings().tls_port != 0) {
    status = tls_door_.open(clock_.wall_ms());
    if (status.ok()) status = open_port(settings().tls_port, Door::kTls);
  }
  if (!status.ok()) return status;
  if (!settings().unix_socket.empty()) {
    int fd = -1;
    status = listen_unix(settings().unix_socket, static_cast<unsigned>(settings().unix_socket_mode),
                         static_cast<int>(settings().tcp_backlog), &fd);
    if (!status.ok()) return status;
    listen(fd, Door::kUnix, settings().unix_socket);
  }
  if (listeners_.empty()) {
    return {engine::StatusCode::kInvalid,
            "no address to listen on: set 'port' or 'tls-port' and 'bind', or 'unixsocket'"};
  }
  return {};
}

void Server::distribute(AcceptedSocket socket) {
  connections_received.fetch_add(1, std::memory_order_relaxed);
  if (connected_clients.load(std::memory_order_relaxed) >= max_clients_.load(std::memory_order_relaxed)) {
    connections_rejected.fetch_add(1, std::memory_order_relaxed);
    // On the TLS port nothing could be read that is said before the handshake.
    if (!socket.tls) (void)!::write(socket.fd, kMaxClientsRefusal, sizeof kMaxClientsRefusal - 1);
    ::close(socket.fd);
    return;
  }
  connected_clients.fetch_add(1, std::memory_order_relaxed);
  IoThread& io_thread = *io_threads_[next_loop_++ % io_threads_.size()];
  if (io_thread.loop().in_loop_thread()) {
    io_thread.adopt(std::move(socket));
  } else {
    io_thread.loop().post([&io_thread, socket = std::move(socket)] { io_thread.adopt(socket); });
  }
}

engine::Status Server::run() {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  IoThread& first = *io_threads_.front();
  signals_ = std::make_unique<SignalWatcher>(first.loop(), kStopSignals, [this](int number) {
    if (shutdown_requested_.load()) return;  // Once is enough, for the log too.
    log_text(LogLevel::kWarning,
             std::string("Received ") + (number == SIGINT ? "SIGINT" : "SIGTERM") + ", shutting down.");
    request_shutdown();
  });
  engine::Status status = load();
  if (!loading_) {
    status = serve();
    // What the engine's threads still post to the loops is dropped with them.
    if (settings_.storage == Storage::kRocksDb)
      log_text(LogLevel::kNotice, "Writing what is pending to disk.");
    const engine::Status closed = engine_->close(status.ok() ? leave_.load() : engine::Leave::kLog);
    if (status.ok()) status = closed;
  }
  // Where it never came to serve, they are there still, and a loop does not go before what it watches.
  listeners_.clear();
  signals_.reset();
  cluster_.reset();
  clock_timer_.reset();
  engine_.reset();
  io_threads_.clear();
  return status;
}

void Server::look_for_signals() {
  signals_->look();
}

void Server::run_loops() {
  IoThread& first = *io_threads_.front();
  for (size_t i = 1; i < io_threads_.size(); ++i) io_threads_[i]->start();
  first.run();
  for (size_t i = 1; i < io_threads_.size(); ++i) io_threads_[i]->stop_and_join();
}

// Stopped meanwhile, it is loading still, and no error.
engine::Status Server::load() {
  loading_since_ms_ = clock_.wall_ms();
  engine::Status status;
  std::thread loader([this, &status] {
    status = engine_->start();
    io_threads_.front()->loop().stop();
  });
  run_loops();
  if (shutdown_requested_) engine_->abandon_start();
  loader.join();
  loading_ = !status.ok();
  return shutdown_requested_ ? engine::Status() : status;
}

engine::Status Server::serve() {
  if (settings().cluster_enabled) {
    cluster_ = std::make_unique<ClusterNode>(*this);
    if (engine::Status status = cluster_->open(); !status.ok()) return status;
  } else {
    clock_timer_ = std::make_unique<Timer>(io_threads_.front()->loop(), [this] { clock_keeper_->tick(); });
    clock_timer_->start(kClockTickMs, kClockTickMs);
  }
  std::unique_ptr<Follower> follower;
  if (engine::Status status = start_follower(*this, &follower); !status.ok()) return status;
  // A stop that is asked for later finds the loops running.
  if (shutdown_requested_) {
    if (cluster_ != nullptr) cluster_->on_stopped();
    return {};
  }
  log_text(LogLevel::kNotice, "Ready to accept connections");
  tell_supervisor(static_cast<Supervision>(settings().supervised), kSupervisorReady);
  run_loops();
  if (cluster_ != nullptr) cluster_->on_stopped();
  return {};
}

void Server::accept_while_busy() {
  for (const auto& listener : listeners_) listener->on_events(kReadable);
}

void Server::request_shutdown(engine::Leave leave) {
  if (shutdown_requested_.exchange(true)) return;
  leave_ = leave;
  running_scripts_.end_all();
  tell_supervisor(static_cast<Supervision>(settings().supervised), kSupervisorStopping);
  IoThread& first = *io_threads_.front();
  first.loop().post([this, &first] {
    listeners_.clear();
    const auto stop = [&first] { first.loop().stop(); };
    if (cluster_ == nullptr || engine_->dead()) return stop();
    cluster_->leave(stop);
  });
}

void Server::on_every_loop(IoThread& asking, std::function<void(IoThread&)> visit,
                           std::function<void()> done) {
  struct Round {
    std::function<void(IoThread&)> visit;
    std::function<void()> done;
    std::atomic<size_t> remaining;
  };
  std::shared_ptr<Round> round(new Round{std::move(visit), std::move(done), io_threads_.size()});
  for (const auto& io_thread : io_threads_) {
    io_thread->loop().post([round, &io_thread, &asking] {
      round->visit(*io_thread);
      if (round->remaining.fetch_sub(1) == 1) asking.loop().post([round] { round->done(); });
    });
  }
}

void Server::detach_client(Client& client) {
  monitors_.remove(client);
  for (const auto& hook : detach_hooks_) hook(client);
}

void Server::on_client_closed(Client& client) {
  client.unwatch_all(watches_);
  detach_client(client);
  connected_clients.fetch_sub(1, std::memory_order_relaxed);
}

CommandTotals Server::totals(uint32_t command_id) const {
  CommandTotals totals;
  for (const auto& io_thread : io_threads_) {
    const CommandCounters& counters = io_thread->statistics().commands[command_id];
    totals.calls += counters.calls.get();
    totals.cycles += counters.cycles.get();
    totals.rejected += counters.rejected.get();
    totals.failed += counters.failed.get();
    for (size_t i = 0; i < kLatencyBuckets; ++i) totals.latency[i] += counters.latency[i].get();
  }
  return totals;
}

void Server::reset_statistics(IoThread& asking, std::function<void()> done) {
  errors_.reset();
  connections_received = 0;
  connections_rejected = 0;
  clients_disconnected_by_limits = 0;
  client_memory_.evicted_clients = 0;
  auth_throttle_.failures = 0;
  auth_throttle_.delayed = 0;
  on_every_loop(
      asking, [](IoThread& io_thread) { io_thread.statistics().reset(); }, std::move(done));
  engine_->reset_statistics();
}

int64_t Server::last_save_seconds(const engine::Statistics& statistics) const {
  return std::max({started_ms_, statistics.last_checkpoint_ms, snapshots_.status().last_time_ms}) / 1000;
}

void Server::modified(int database, std::string_view key) {
  watches_.touched(database, key);
  waits_.changed(database, key);
  tracking_->changed(key);
}

// Each replica of a cluster sees that; one tells.
void Server::notify_lost(NotifyClass event_class, std::string_view event, int database,
                         std::string_view key) {
  if (notification_sink_ == nullptr || (settings_.notify_events & event_class) == 0) return;
  if (cluster_ != nullptr && !cluster_->tells_of(engine::partition_of(key))) return;
  notification_sink_->notify(event_class, event, key, database);
}

void Server::expired(int database, std::string_view key) {
  watches_.touched(database, key);
  tracking_->changed(key);
  notify_lost(kNotifyExpired, "expired", database, key);
}

void Server::evicted(int database, std::string_view key) {
  watches_.touched(database, key);
  notify_lost(kNotifyEvicted, "evicted", database, key);
}

void Server::flushed(int database) {
  watches_.flushed(database);
  waits_.changed_all(database);
  tracking_->flushed();
}

}  // namespace starling::server
