// A command's arguments as anybody may see them: what its declaration calls secret (CommandSpec::find_secrets)
// is replaced. Whatever shows arguments to others than who sent them (MONITOR, SLOWLOG, a log) takes these.
#pragma once

#include <string_view>
#include <vector>

#include "server/execute/command.h"

namespace starling::server {

inline constexpr std::string_view kRedacted = "(redacted)";

class ShownArguments {
 public:
  // Views of `arguments`, which must outlive this.
  ShownArguments(const CommandSpec& spec, Arguments arguments);
  ShownArguments(const ShownArguments&) = delete;
  ShownArguments& operator=(const ShownArguments&) = delete;

  Arguments words() const { return words_; }

 private:
  std::vector<std::string_view> redacted_;  // Empty: nothing was secret.
  Arguments words_;
};

}  // namespace starling::server
