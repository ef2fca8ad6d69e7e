#include "server/execute/shown_arguments.h"

namespace starling::server {

ShownArguments::ShownArguments(const CommandSpec& spec, Arguments arguments) : words_(arguments) {
  if (spec.find_secrets == nullptr) return;
  std::vector<int> positions;
  spec.find_secrets(arguments, &positions);
  if (positions.empty()) return;
  redacted_.assign(arguments.begin(), arguments.end());
  for (const int position : positions) redacted_.at(static_cast<size_t>(position)) = kRedacted;
  words_ = redacted_;
}

}  // namespace starling::server
