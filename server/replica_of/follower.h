// This server as the replica of another one, which speaks Redis's protocol of replication: connects to it, keeps
// what it sends, has it applied, and begins again when something breaks. The states are README.md's.
//
// Thin: what is said to the leader is LeaderLink's affair, what is made of what it says CopyFeed's. Here are the
// sockets, the time, and what of it lies on the disk. On one loop's thread; it has no other.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/net/connector.h"
#include "server/net/event_loop.h"
#include "server/rdb/rdb_file.h"
#include "server/replica_of/byte_socket.h"
#include "server/replica_of/copy_feed.h"
#include "server/replica_of/follower_role.h"
#include "server/replica_of/leader_link.h"
#include "server/replica_of/remembered_leader.h"
#include "server/replica_of/spool.h"

namespace starling::server {

// What it needs of the server that it is a part of. All on the loop's thread.
struct FollowerHost {
  std::function<int64_t()> monotonic_ms;
  std::function<void(bool warning, const std::string& line)> log;
  // user, password and port.
  std::function<LeaderLink::Options()> greeting;
  std::function<CopyFeed::Options()> limits;
  // Makes a client that may do everything, whose other end is the descriptor: what it is sent runs as any client's
  // requests. At most one at a time.
  std::function<int()> open_client;
  // It executes nothing more.
  std::function<void()> close_client;
  // Puts it where the next start finds it, durably. Empty: done; else what failed.
  std::function<std::string(const RememberedLeader&)> remember;
  // Whether records live on when their time is over, until the leader says that they are gone.
  std::function<void(bool)> keep_expired;
};

class Follower final : public LeaderLink::Sink {
 public:
  // `directory`: for what is kept on the disk. `configured`: what the setting 'replicaof' says.
  Follower(EventLoop& loop, FollowerHost host, std::string directory, std::string configured);
  ~Follower() override;
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // The one of this process, on its loop's thread. Null: there is none yet, or no more.
  static Follower* of_process();

  // At the start of the process; before that it is nobody's replica.
  void begin(const RememberedLeader& remembered);
  // REPLICAOF host port. Empty: it follows from now on; else what failed, and all is as it was. What there is stays
  // until the leader's data are here. *already: it is the one that it follows.
  [[nodiscard]] std::string follow(const LeaderAddress& leader, bool* already);
  // REPLICAOF NO ONE: once `done` is called, with nothing, it follows nobody and ordinary clients may write. Half a
  // copy is dropped before. Else with what failed, and it goes on.
  void stop(std::function<void(const std::string& failure)> done);

 private:
  using Stage = FollowerReport::Stage;

  // --- LeaderLink::Sink
  void send(std::string_view bytes) override;
  void full_sync(std::string_view id, int64_t offset) override;
  void go_on(std::string_view id) override;
  void file_begins(int64_t size) override;
  void file_bytes(std::string_view bytes) override;
  void file_ends() override;
  void stream_bytes(std::string_view bytes) override;

  // --- The leader's end.
  void on_tick();
  void connect();
  void on_connected(int fd);
  void on_leader_bytes(std::string_view bytes);
  // The link is gone. What was received whole is applied on.
  void lost(const std::string& why);
  void drop_link();
  void retry_after(int64_t delay_ms);
  void acknowledge();

  // --- The copy.
  // Empty: done; else what failed.
  std::string open_client();
  void close_client();
  std::string begin_copy();
  void pump();
  bool feed_some();
  void copied();
  // What there is, is incomplete; it begins again from nothing.
  void copy_failed(const std::string& why);
  void finish_stopping(const std::string& failure);
  void set_state(FollowerRole::State state);
  void tell_errors();
  void report();
  std::string address() const;

  EventLoop& loop_;
  const FollowerHost host_;
  const std::string configured_;
  std::optional<LeaderAddress> leader_;
  Timer timer_;
  std::unique_ptr<Connector> connector_;
  std::shared_ptr<ByteSocket> leader_socket_, client_socket_;
  std::unique_ptr<LeaderLink> link_;
  std::string broken_;                      // Why the link must go, found while it speaks.
  int64_t retry_ms_ = 0;                    // When to connect next.
  int64_t failures_ = 0;                    // To copy, one after the other.
  int64_t heard_ms_ = 0, unlinked_ms_ = 0;  // When it said something; since when it does not.
  // The history that the stream is of, and up to where it has been received. Empty: none; a copy is to be made.
  std::string id_;
  int64_t received_ = 0;
  // The same of the file that comes.
  std::string coming_id_;
  int64_t coming_offset_ = 0;
  int64_t file_size_ = -1;
  std::unique_ptr<RdbFileReader>
      checked_;  // Of the file while it comes: nothing is dropped for one that is damaged.
  Spool file_, stream_;
  std::unique_ptr<CopyFeed> feed_;
  bool complete_ = true;  // What there is, is no half of a copy.
  uint64_t told_errors_ = 0;
  int64_t errors_told_ms_ = 0;
  std::string last_error_;
  std::function<void(const std::string&)> stopping_;
};

}  // namespace starling::server
