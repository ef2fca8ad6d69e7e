// What members of a cluster send to a node that has not heard yet that it was counted in: kept until it has.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/wire/frame.h"
#include "cluster/wire/node_id.h"

namespace starling::cluster {

class EarlyFrames {
 public:
  struct Frame {
    NodeId peer;
    uint64_t link;
    FrameKind kind;
    uint64_t correlation;
    std::string payload;
  };

  // False: there is too much of it.
  [[nodiscard]] bool keep(Frame frame) {
    if (bytes_ + frame.payload.size() > kMostBytes) return false;
    bytes_ += frame.payload.size() + sizeof(Frame);
    frames_.push_back(std::move(frame));
    return true;
  }
  std::vector<Frame> take() {
    bytes_ = 0;
    return std::exchange(frames_, {});
  }

 private:
  static constexpr size_t kMostBytes = 8 << 20;

  std::vector<Frame> frames_;
  size_t bytes_ = 0;
};

}  // namespace starling::cluster
