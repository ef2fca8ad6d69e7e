// What is declared of a command for those who read about it, and of no use to the server: COMMAND INFO, COMMAND DOCS
// and the compatibility table tell it. Nothing here is looked at while a request is served.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace starling::server {

// What the command did not do at first, in our own words.
struct CommandChange {
  std::string_view since;  // The Redis version.
  std::string_view what;
};

// Replaced by a better command.
struct Deprecation {
  std::string_view since = {};  // The Redis version. Empty: it is not.
  std::string_view replaced_by = {};
};

// How long a command keeps the other clients of its loop waiting.
enum class Work : uint8_t {
  kLittle,
  // It runs to its end on its client's loop, for a time that grows with what it works on: with some tens of thousands
  // of keys or elements, or some megabytes, more than 5 ms. Also those to whom that happens in a cluster only (MOVE).
  kHoldsLoop,
  kElsewhere,  // Other threads do it, whatever its complexity.
  kOfFewThings,  // Of what is never many, whatever its complexity: clients, nodes, channels, settings, commands.
};

struct Documentation {
  static constexpr size_t kMostTips = 3;

  std::string_view complexity = {};  // Empty: not told.
  Work work = Work::kLittle;
  std::array<std::string_view, kMostTips> tips = {};  // For clients, as Redis words them and in its order.
  std::span<const CommandChange> history = {};        // Oldest first; of static storage.
  Deprecation deprecated = {};
  bool for_tests = false;  // No user is meant to need it ("syscmd").
};

}  // namespace starling::server
