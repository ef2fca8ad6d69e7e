// The server: settings, engine, loops, and what the loops share.
//
// Threads: the IoThreads run commands; the engine's threads call back. Members are for any thread unless they
// say otherwise.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/wire/node_id.h"
#include "engine/base/clock.h"
#include "engine/base/status.h"
#include "engine/core/engine.h"
#include "server/acl/denial_log.h"
#include "server/acl/users.h"
#include "server/execute/command_table.h"
#include "server/execute/script/memory_meter.h"
#include "server/execute/script/running_scripts.h"
#include "server/execute/script/script_cache.h"
#include "server/execute/wait_table.h"
#include "server/io_thread.h"
#include "server/metrics/latency_monitor.h"
#include "server/metrics/pulse.h"
#include "server/metrics/slow_log.h"
#include "server/metrics/statistics.h"
#include "server/net/listener.h"
#include "server/net/signal_watcher.h"
#include "server/process/server_clock.h"
#include "server/session/auth_throttle.h"
#include "server/session/client_memory.h"
#include "server/session/client_pause.h"
#include "server/session/monitor_feed.h"
#include "server/session/watch_table.h"
#include "server/settings.h"
#include "server/snapshot_keeper.h"
#include "server/tls_door.h"

namespace starling::server {

class ClockKeeper;
class ClusterNode;
class Config;
class PubSub;
class Tracking;

// Publishes keyspace events. Called on the thread that changed the key, with its stripe held: be brief.
class NotificationSink {
 public:
  virtual ~NotificationSink() = default;
  // Whether anybody may hear of such an event: costs nothing to ask.
  virtual bool wants(NotifyClass event_class) const = 0;
  virtual void notify(NotifyClass event_class, std::string_view event, std::string_view key,
                      int database) = 0;
};

class Server final : private engine::KeyObserver {
 public:
  // `config` is loaded, and outlives the server.
  explicit Server(Config& config);
  ~Server() override;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Opens the data directory and the ports. Not ok: what failed; the process should say so and exit.
  engine::Status open();
  // Replays the commit log, while commands are answered LOADING, and serves until request_shutdown() or SIGTERM or
  // SIGINT; then stops cleanly. Not ok: the data could not be loaded, or not be closed.
  engine::Status run();
  // `leave`: what to the next start.
  void request_shutdown(engine::Leave leave = engine::Leave::kNothing);
  // The commit log is being replayed: no key may be touched, and there is no cluster() yet. Changes only while the
  // loops stand still.
  bool loading() const { return loading_; }
  int64_t loading_since_ms() const { return loading_since_ms_; }

  Config& config() { return config_; }
  const Settings& settings() const { return settings_; }
  // What this node takes for the time. Only TIME tells the system's.
  const ServerClock& clock() const { return clock_; }
  engine::Engine& engine() { return *engine_; }
  const CommandTable& commands() const { return commands_; }
  acl::Users& users() { return users_; }
  const acl::Users& users() const { return users_; }
  acl::DenialLog& denials() { return denials_; }
  std::span<const std::unique_ptr<IoThread>> io_threads() const { return io_threads_; }

  // Runs `visit` on every loop, then `done` on the asking one. Called on `asking`'s thread.
  void on_every_loop(IoThread& asking, std::function<void(IoThread&)> visit, std::function<void()> done);

  // Shared by the loops.
  WatchTable& watches() { return watches_; }
  ScriptCache& scripts() { return scripts_; }
  MemoryMeter& script_memory() { return script_memory_; }
  RunningScripts& running_scripts() { return running_scripts_; }
  // Of the first loop, while a script keeps it: takes the connections that wait; heeds the signals that have come.
  void accept_while_busy();
  void look_for_signals();
  WaitTable& waits() { return waits_; }
  ClientPause& pause() { return pause_; }
  MonitorFeed& monitors() { return monitors_; }
  SlowLog& slow_log() { return slow_log_; }
  PubSub& pubsub() { return *pubsub_; }
  Tracking& tracking() { return *tracking_; }
  ErrorCounters& errors() { return errors_; }
  LatencyMonitor& latency() { return latency_; }
  Pulse& pulse() { return pulse_; }
  SnapshotKeeper& snapshots() { return snapshots_; }
  ClientMemory& client_memory() { return client_memory_; }
  AuthThrottle& auth_throttle() { return auth_throttle_; }
  TlsDoor& tls_door() { return tls_door_; }
  // About clients that are closed for what they did.
  LimitedLog& client_log() { return client_log_; }
  // Null when this node is on its own.
  ClusterNode* cluster() { return cluster_.get(); }
  ClockKeeper& clock_keeper() { return *clock_keeper_; }
  // `self`: of a member of a cluster; else not valid. While the loops stand still.
  void keep_clock(const cluster::NodeId& self);

  // Called on the client's loop when it forgets its subscriptions: at RESET, and before it is destroyed. Add
  // before run().
  void add_detach_hook(std::function<void(Client&)> hook) { detach_hooks_.push_back(std::move(hook)); }
  // The client leaves MONITOR and all that hooks were added for.
  void detach_client(Client& client);
  void on_client_closed(Client& client);

  // Null until one is set. Set before run(); not owned.
  void set_notification_sink(NotificationSink* sink) { notification_sink_ = sink; }
  NotificationSink* notification_sink() { return notification_sink_; }

  // Counts of this run.
  std::atomic<uint64_t> connections_received{0}, connections_rejected{0}, clients_disconnected_by_limits{0};
  std::atomic<int64_t> connected_clients{0};
  CommandTotals totals(uint32_t command_id) const;
  // Sets the counts to zero, on every loop, then calls `done` on the asking one. Called on `asking`'s thread.
  void reset_statistics(IoThread& asking, std::function<void()> done);

  int64_t started_ms() const { return started_ms_; }
  // When all data was last brought to the store, by a checkpoint or a snapshot; the start, if never since.
  int64_t last_save_seconds(const engine::Statistics& statistics) const;
  const std::string& run_id() const { return run_id_; }
  uint64_t next_client_id() { return next_client_id_.fetch_add(1, std::memory_order_relaxed); }

 private:
  void modified(int database, std::string_view key) override;
  void expired(int database, std::string_view key) override;
  void evicted(int database, std::string_view key) override;
  void flushed(int database) override;
  void notify_lost(NotifyClass event_class, std::string_view event, int database, std::string_view key);

  engine::Status prepare_engine();
  engine::Status open_ports();
  engine::Status open_port(int64_t port, Door door);
  void listen(int fd, Door door, std::string path);
  engine::Status load();
  engine::Status serve();
  void run_loops();
  void distribute(AcceptedSocket socket);
  void watch_settings();
  void note_activity(engine::Activity activity, int64_t duration_us);

  Config& config_;
  const Settings& settings_;
  ServerClock clock_;
  CommandTable commands_;
  acl::Users users_;
  acl::DenialLog denials_;
  WatchTable watches_;
  ScriptCache scripts_;
  MemoryMeter script_memory_;
  RunningScripts running_scripts_;
  WaitTable waits_;
  ClientPause pause_;
  MonitorFeed monitors_;
  SlowLog slow_log_;
  ErrorCounters errors_;
  LatencyMonitor latency_;
  Pulse pulse_;
  SnapshotKeeper snapshots_;
  ClientMemory client_memory_{*this};
  LimitedLog client_log_;
  TlsDoor tls_door_;
  AuthThrottle auth_throttle_;
  std::unique_ptr<PubSub> pubsub_;
  std::unique_ptr<Tracking> tracking_;
  NotificationSink* notification_sink_ = nullptr;
  std::vector<std::function<void(Client&)>> detach_hooks_;
  std::atomic<int64_t> max_clients_{0};  // As many of 'maxclients' as the system has descriptors for.
  std::unique_ptr<engine::Engine> engine_;
  std::vector<std::unique_ptr<IoThread>> io_threads_;
  std::unique_ptr<ClockKeeper> clock_keeper_;
  std::unique_ptr<Timer> clock_timer_;  // Of the first loop.
  std::unique_ptr<ClusterNode> cluster_;
  std::vector<std::unique_ptr<Listener>> listeners_;  // Of the first loop.
  std::unique_ptr<SignalWatcher> signals_;            // Of the first loop.
  size_t next_loop_ = 0;                              // Of the first loop.
  std::atomic<uint64_t> next_client_id_{1};
  bool loading_ = true;
  int64_t loading_since_ms_ = 0;
  std::atomic<bool> shutdown_requested_{false};
  std::atomic<engine::Leave> leave_{engine::Leave::kNothing};
  int64_t started_ms_ = 0;
  std::string run_id_;
};

}  // namespace starling::server
