// How fast counters grow: the increase over about the last second, for INFO's instantaneous figures.
//
// One writer, any readers.
#pragma once

#include <cstdint>

#include "server/metrics/statistics.h"

namespace starling::server {

class RateMeter {
 public:
  // `total` is the counter now; call about once a second. A total that went back (CONFIG RESETSTAT) counts as
  // no growth.
  void sample(uint64_t total, int64_t now_us) {
    if (last_us_ != 0 && now_us > last_us_) {
      const uint64_t growth = total >= last_total_ ? total - last_total_ : 0;
      rate_.set(growth * 1'000'000 / static_cast<uint64_t>(now_us - last_us_));
    }
    last_total_ = total;
    last_us_ = now_us;
  }
  uint64_t per_second() const { return rate_.get(); }

 private:
  uint64_t last_total_ = 0;
  int64_t last_us_ = 0;
  Counter rate_;
};

}  // namespace starling::server
