// The connections of one load generator, driven by one thread: each sends a batch of `pipeline` requests,
// waits for all its replies, sends the next (a closed loop, as redis-benchmark's).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/histogram.h"
#include "tests/bench/slot_owners.h"
#include "tests/bench/workload.h"

namespace starling::bench {

struct PhaseOptions {
  WorkloadOptions workload;
  size_t pipeline = 1;
  // The phase ends at whichever comes first; 0 means no such limit. One of them must be set.
  uint64_t requests = 0;
  double seconds = 0;
  // Without any reply for so long the server counts as dead.
  int timeout_ms = 60'000;
};

// What happened within one second of a phase.
struct SecondSummary {
  uint64_t requests = 0;
  uint64_t max_latency_ns = 0;
  // The longest time in which no reply reached any connection; counted in the second in which it ended.
  uint64_t max_silence_ns = 0;
};

struct PhaseResult {
  uint64_t requests = 0;
  uint64_t errors = 0;  // Error replies and wrong replies.
  uint64_t misses = 0;  // GETs that answered null.
  std::string first_error;
  double seconds = 0;  // From the first request sent to the last reply.
  double client_cpu_seconds = 0;
  Histogram latency;  // Of a request: from the send of its batch to its reply.
  std::vector<SecondSummary> series;
};

class Client {
 public:
  Client();
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Opens `connections`, spread evenly over the nodes (IPv4 addresses). False: `*error` says why.
  [[nodiscard]] bool connect(const std::vector<Address>& nodes, size_t connections, std::string* error);
  // Each connection sends only keys of its node's slots. The nodes of `owners` are those of connect(), in
  // order; it must outlive this.
  void route_by(const SlotOwners* owners) { owners_ = owners; }
  // Runs one phase to its end. False when a connection broke, a reply made no sense or none came in time;
  // error and wrong replies are only counted.
  [[nodiscard]] bool run(const PhaseOptions& options, PhaseResult* result, std::string* error);

 private:
  struct Connection;
  class Phase;

  bool open(const Address& address, size_t node, std::string* error);

  int epoll_ = -1;
  const SlotOwners* owners_ = nullptr;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace starling::bench
