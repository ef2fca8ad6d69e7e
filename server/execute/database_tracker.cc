#include "server/execute/database_tracker.h"

#include <numeric>
#include <utility>

#include "resp/number.h"

namespace starling::server {

bool DatabaseTracker::parse(std::string_view text, size_t* database) const {
  int64_t index = 0;
  if (!resp::parse_integer(text, &index) || index < 0 || index >= count_) return false;
  *database = static_cast<size_t>(index);
  return true;
}

DatabaseTracker::DatabaseTracker(int selected, int count) : selected_(selected), count_(count) {
  std::iota(before_.begin(), before_.end(), 0);
}

void DatabaseTracker::follow(const Command& command, Arguments arguments) {
  size_t first = 0, second = 0;
  switch (command.spec->renumbers) {
    case Renumbers::kNothing:
      break;
    case Renumbers::kSelects:
      if (parse(arguments[1], &first)) selected_ = static_cast<int>(first);
      break;
    case Renumbers::kSwaps:
      if (parse(arguments[1], &first) && parse(arguments[2], &second))
        std::swap(before_[first], before_[second]);
      break;
  }
}

}  // namespace starling::server
