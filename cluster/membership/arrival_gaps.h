// How long a peer usually stays silent, and so how long a silence must be to mean something.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace starling::cluster {

// Moving averages of the gaps between two signs of life and of their deviation, as TCP keeps them of round
// trips: a slow network or a big cluster, where news of a peer comes seldom, stretches the deadline by
// itself.
class ArrivalGaps {
 public:
  // Before anything is known, a peer is given ten usual gaps.
  explicit ArrivalGaps(int64_t usual_us) : mean_us_(usual_us), deviation_us_(usual_us) {}

  void add(int64_t gap_us) {
    const auto error = static_cast<float>(gap_us) - mean_us_;
    mean_us_ += error / 16;
    deviation_us_ += (std::abs(error) - deviation_us_) / 8;
  }

  // The silence past which the peer is late, kept between the two bounds.
  int64_t deadline_us(int64_t min_us, int64_t max_us) const {
    return std::clamp(static_cast<int64_t>(mean_us_ + kDeviations * deviation_us_), min_us, max_us);
  }

 private:
  // Gaps behind random choices are nearly exponential: eight mean deviations are about seven means, past
  // which one gap in a thousand goes; then the peer is asked before it is suspected.
  static constexpr float kDeviations = 8;

  float mean_us_;
  float deviation_us_;
};

}  // namespace starling::cluster
