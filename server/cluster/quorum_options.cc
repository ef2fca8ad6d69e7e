#include "server/cluster/quorum_options.h"

#include <charconv>

#include "server/commands/arguments.h"

namespace starling::server {
namespace {

constexpr int64_t kLongestQuorumTimeoutMs = 3'600'000;

}  // namespace

std::string read_quorum_options(Arguments arguments, cluster::QuorumOptions* options) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    const bool more = i + 1 < arguments.size();
    if (is_word(word, "sloppy")) {
      options->mode = cluster::QuorumMode::kSloppy;
    } else if (is_word(word, "strict")) {
      options->mode = cluster::QuorumMode::kStrict;
    } else if (more && (is_word(word, "r") || is_word(word, "w"))) {
      const auto level = cluster::Consistency::parse(arguments[++i]);
      if (!level)
        return "ERR R and W are ONE, QUORUM, ALL, LOCAL_QUORUM, EACH_QUORUM or a number from 1 to 255";
      (is_word(word, "r") ? options->read : options->write) = *level;
    } else if (more && is_word(word, "timeout")) {
      const std::string_view text = arguments[++i];
      int64_t timeout_ms = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), timeout_ms);
      if (error != std::errc() || end != text.data() + text.size() || timeout_ms < 1 ||
          timeout_ms > kLongestQuorumTimeoutMs)
        return "ERR TIMEOUT is milliseconds from 1 to 3600000";
      options->timeout_ms = timeout_ms;
    } else {
      return std::string(kSyntaxError);
    }
  }
  return {};
}

}  // namespace starling::server
