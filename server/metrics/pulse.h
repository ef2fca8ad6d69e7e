// What the server looks at once a second: rates, the memory's peak, checkpoints that took long; more rarely, files.
#pragma once

#include <atomic>
#include <cstdint>

#include "server/metrics/disk_usage.h"
#include "server/metrics/rate_meter.h"

namespace starling::server {

class Server;

class Pulse {
 public:
  // At the end of the start.
  void begin(Server& server);
  // About once a second, by the first loop.
  void beat(Server& server);

  // The rest: any thread.
  RateMeter commands, input_bytes, output_bytes;
  const DiskUsage& disk_usage() const { return disk_usage_; }
  uint64_t startup_bytes() const { return startup_bytes_; }
  // Returns the peak, which `used_bytes` may be.
  uint64_t raise_memory_peak(uint64_t used_bytes);

 private:
  uint64_t startup_bytes_ = 0;
  std::atomic<uint64_t> peak_bytes_{0};
  uint64_t checkpoints_seen_ = 0;
  DiskUsage disk_usage_;
  uint64_t beats_ = 0;
  std::atomic<bool> looking_{false};  // At the files, on a disk thread.
};

}  // namespace starling::server
