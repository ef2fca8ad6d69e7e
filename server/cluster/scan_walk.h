// SCAN over a cluster: a walk over the partitions in order, a stretch at a time, each asked of one node that
// holds all of it. The cursor says where in that order it is, and nothing else: it means the same on every
// node, so nodes may die and return meanwhile. One call asks on until there is enough to answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/execute/command.h"

namespace starling::server {

class ScanWalk {
 public:
  // `arguments`: of SCAN, its cursor taken apart already.
  ScanWalk(Arguments arguments, uint64_t cursor);

  uint64_t cursor() const { return cursor_; }
  uint32_t partition() const;
  // The command to send for the stretch that ends before partition `end`.
  std::vector<std::string> request(uint32_t end);
  // Takes the reply. False: it is not SCAN's; then it is the command's reply, as it is.
  [[nodiscard]] bool take(std::string_view reply);
  // There is enough to answer, or nothing more to ask, or it has asked often enough for one call.
  bool done() const;
  std::string reply() const;

 private:
  std::vector<std::string> arguments_;
  uint64_t cursor_;
  uint64_t count_;
  uint32_t end_ = 0;
  int stretches_ = 0;
  bool filled_ = false;
  size_t names_ = 0;
  std::string elements_;
};

}  // namespace starling::server
