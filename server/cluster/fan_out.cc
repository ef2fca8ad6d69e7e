#include "server/cluster/fan_out.h"

#include <algorithm>
#include <charconv>

#include "resp/reply_scanner.h"

namespace starling::server {
namespace {

constexpr std::string_view kSenseless =
    "-ERR the nodes of this command answered what makes no sense together\r\n";

// The number behind a reply's first byte.
bool read_number(std::string_view reply, char type, int64_t* number) {
  if (reply.empty() || reply[0] != type) return false;
  const size_t end = reply.find('\r');
  if (end == std::string_view::npos) return false;
  const auto [parsed, error] = std::from_chars(reply.data() + 1, reply.data() + end, *number);
  return error == std::errc() && parsed == reply.data() + end;
}

std::string join_in_order(std::span<const FanOutPart> parts, std::span<const std::string> replies) {
  std::vector<std::string_view> values;
  std::vector<std::string_view> elements;
  size_t bytes = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!split_array(replies[i], &elements) || elements.size() != parts[i].keys.size())
      return std::string(kSenseless);
    values.resize(std::max(values.size(), parts[i].keys.back() + 1));
    for (size_t k = 0; k < elements.size(); ++k) values[parts[i].keys[k]] = elements[k];
    bytes += replies[i].size();
  }
  std::string joined = "*" + std::to_string(values.size()) + "\r\n";
  joined.reserve(joined.size() + bytes);
  for (const std::string_view value : values) joined += value;
  return joined;
}

std::string join_names(std::span<const std::string> replies) {
  int64_t total = 0;
  for (const std::string& reply : replies) {
    int64_t count = 0;
    if (!read_number(reply, '*', &count)) return std::string(kSenseless);
    total += std::max<int64_t>(count, 0);
  }
  std::string joined = "*" + std::to_string(total) + "\r\n";
  for (const std::string& reply : replies) joined += std::string_view(reply).substr(reply.find('\n') + 1);
  return joined;
}

std::string join_sum(std::span<const std::string> replies) {
  int64_t sum = 0;
  for (const std::string& reply : replies) {
    int64_t count = 0;
    if (!read_number(reply, ':', &count)) return std::string(kSenseless);
    sum += count;
  }
  return ":" + std::to_string(sum) + "\r\n";
}

}  // namespace

std::vector<FanOutPart> split_keys(std::span<const cluster::NodeIndex> targets) {
  std::vector<FanOutPart> parts;
  for (size_t i = 0; i < targets.size(); ++i) {
    auto part = std::find_if(parts.begin(), parts.end(),
                             [&](const FanOutPart& candidate) { return candidate.node == targets[i]; });
    if (part == parts.end()) part = parts.insert(parts.end(), FanOutPart{targets[i], {}});
    part->keys.push_back(i);
  }
  return parts;
}

std::vector<std::string_view> part_arguments(Arguments arguments, size_t step, const FanOutPart& part) {
  std::vector<std::string_view> own{arguments[0]};
  own.reserve(1 + part.keys.size() * step);
  for (const size_t key : part.keys) {
    for (size_t i = 0; i < step; ++i) own.push_back(arguments[1 + key * step + i]);
  }
  return own;
}

bool split_array(std::string_view reply, std::vector<std::string_view>* elements) {
  elements->clear();
  int64_t count = 0;
  if (!read_number(reply, '*', &count) || count < 0) return false;
  reply.remove_prefix(reply.find('\n') + 1);
  resp::ReplyScanner scanner;
  while (!reply.empty()) {
    size_t used = 0;
    if (scanner.scan(reply, &used) != resp::ReplyScanner::Result::kComplete) return false;
    elements->push_back(reply.substr(0, used));
    reply.remove_prefix(used);
  }
  return static_cast<int64_t>(elements->size()) == count;
}

bool read_bulk(std::string_view reply, std::string_view* text) {
  int64_t size = 0;
  if (!read_number(reply, '$', &size) || size < 0) return false;
  const size_t begin = reply.find('\n') + 1;
  if (begin + static_cast<size_t>(size) + 2 != reply.size()) return false;
  *text = reply.substr(begin, static_cast<size_t>(size));
  return true;
}

std::string join_replies(Join join, std::span<const FanOutPart> parts, std::span<const std::string> replies,
                         uint64_t choice) {
  switch (join) {
    case Join::kInOrder:
      return join_in_order(parts, replies);
    case Join::kStatus:
      return replies[0];
    case Join::kAnyOk: {
      const auto ok = std::find_if(replies.begin(), replies.end(),
                                   [](const std::string& r) { return !r.starts_with('-'); });
      return ok == replies.end() ? replies[0] : *ok;
    }
    case Join::kSum:
      return join_sum(replies);
    case Join::kNames:
      return join_names(replies);
    case Join::kAnyName: {
      std::vector<size_t> told;
      std::string_view name;
      for (size_t i = 0; i < replies.size(); ++i) {
        if (read_bulk(replies[i], &name)) told.push_back(i);
      }
      return told.empty() ? replies[0] : replies[told[choice % told.size()]];
    }
    case Join::kWalk:
    case Join::kNone:
      break;
  }
  return std::string(kSenseless);
}

}  // namespace starling::server
