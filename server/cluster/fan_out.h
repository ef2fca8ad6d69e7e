// Commands whose keys may be on several nodes, because each key's part of them is a command of its own: how
// they are split and how the replies of the parts become one. Pure functions.
//
// Which commands these are, and how their replies join, is declared with them (CommandSpec::join).
//
// The parts run on their own: together they are not atomic. If one fails, so does the command, and what
// others were to change may be changed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/topology/topology.h"
#include "server/execute/command_spec.h"

namespace starling::server {

struct FanOutPart {
  cluster::NodeIndex node;
  std::vector<size_t> keys;  // Which of the command's, in their order.
};

// One part for each node; `targets` has the node of each key.
std::vector<FanOutPart> split_keys(std::span<const cluster::NodeIndex> targets);
// The part as a command. Views of `arguments`, whose keys follow its name, `step` arguments apart.
std::vector<std::string_view> part_arguments(Arguments arguments, size_t step, const FanOutPart& part);

// The reply of the whole. `replies` are complete replies, one for each part, with no error among them;
// `choice` is a random number. An error when they are not what the command answers.
std::string join_replies(Join join, std::span<const FanOutPart> parts, std::span<const std::string> replies,
                         uint64_t choice);

// The elements of an array reply, as they came. False: it is none.
[[nodiscard]] bool split_array(std::string_view reply, std::vector<std::string_view>* elements);
// The text of a bulk string. False: it is none, or null.
[[nodiscard]] bool read_bulk(std::string_view reply, std::string_view* text);

}  // namespace starling::server
