// The least that another node's monotonic clock can show. The clocks of two nodes begin anywhere, but run about
// equally fast.
//
// The node tells now and then what its clock shows. By the time that this is heard, its clock shows that much or
// more; how much more is not known, as nobody knows how long the message was under way. So a moment of this node's
// clock, told to the other one by this bound, is never later there than it is here: earlier by as much as the
// quickest message took. That is what a deadline needs: who keeps it by the bound, keeps it.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace starling::cluster {

class PeerClock {
 public:
  // The rate at which the two clocks may part. Clocks that are being corrected may do so faster for a moment: whoever
  // uses the bound for the seconds between two tellings leaves some room beside.
  static constexpr int64_t kMostDriftParts = 1000;
  // Beyond this nothing is a clock.
  static constexpr int64_t kLargestUs = int64_t{1} << 60;

  // Heard when this node's clock showed `heard_us`: the other one's shows `said_us`. The message that was quickest
  // counts; its lead shrinks with time. Precondition: both are within [0, kLargestUs].
  void note(int64_t said_us, int64_t heard_us) {
    if (known_ && least_at(heard_us) >= said_us) return;
    known_ = true;
    said_us_ = said_us;
    heard_us_ = heard_us;
  }

  bool known() const { return known_; }
  // What the other clock shows at least when this node's shows `local_us`, which may be still to come.
  // Precondition: known().
  int64_t least_at(int64_t local_us) const {
    const int64_t since_us = local_us - heard_us_;
    return said_us_ + since_us - std::abs(since_us) / kMostDriftParts;
  }

 private:
  bool known_ = false;
  int64_t said_us_ = 0, heard_us_ = 0;
};

}  // namespace starling::cluster
