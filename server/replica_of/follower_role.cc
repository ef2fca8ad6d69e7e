#include "server/replica_of/follower_role.h"

#include <utility>

namespace starling::server {

FollowerRole& FollowerRole::of_process() {
  static FollowerRole role;
  return role;
}

FollowerReport FollowerRole::report() const {
  std::lock_guard lock(mutex_);
  return report_;
}

void FollowerRole::set_report(FollowerReport report) {
  std::lock_guard lock(mutex_);
  report_ = std::move(report);
}

std::string_view FollowerReport::stage_name() const {
  switch (stage) {
    case Stage::kConnecting:
      return "connecting";
    case Stage::kGreeting:
      return "greeting";
    case Stage::kReceiving:
      return "receiving";
    case Stage::kLoading:
      return "loading";
    case Stage::kFollowing:
      return "following";
  }
  return {};
}

}  // namespace starling::server
