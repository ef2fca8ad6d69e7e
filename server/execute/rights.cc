#include "server/execute/rights.h"

#include <algorithm>
#include <string>
#include <utility>

namespace starling::server {
namespace {

uint8_t access_of(uint16_t use) {
  // Found by the command's own finder, which does not say what for.
  if (use == 0) return acl::kReads | acl::kWrites;
  uint8_t access = 0;
  if ((use & kKeyAccess) != 0) access |= acl::kReads;
  if ((use & (kKeyInsert | kKeyDelete | kKeyUpdate)) != 0) access |= acl::kWrites;
  return access;
}

}  // namespace

acl::Catalogue catalogue_of(const CommandTable& table) {
  std::vector<acl::Catalogue::Entry> commands;
  for (const auto& command : table.all()) {
    acl::Catalogue::Entry entry{command->full_name, command->spec->categories};
    if (command->parent != nullptr) entry.container = command->parent->id;
    commands.push_back(std::move(entry));
  }
  std::vector<std::string> categories;
  for (int bit = 0; !category_name(bit).empty(); ++bit) categories.emplace_back(category_name(bit));
  return {std::move(commands), std::move(categories)};
}

const acl::Use& CommandUse::of(const Command& command, Arguments arguments) {
  const CommandSpec& spec = *command.spec;
  keys_.clear();
  channels_.clear();
  // What a command within it does with keys, that one is asked about.
  // What is named and routed nowhere (QUORUM EXPLAIN) is told of all the same.
  const bool names_keys = command.has_keys || (spec.channels == Channels::kNone && !spec.keys.empty());
  if (names_keys && (spec.flags & kUnwraps) == 0 && find_keys(spec, arguments, &positions_)) {
    for (const int position : positions_)
      keys_.push_back({static_cast<size_t>(position), access_of(key_use_at(spec, arguments, position))});
  }
  size_t channels = spec.channels == Channels::kNone ? 0 : arguments.size() - 1;
  if (spec.channels == Channels::kFirst) channels = std::min<size_t>(1, channels);
  for (size_t i = 1; i <= channels; ++i) channels_.push_back({i, spec.channels == Channels::kPatterns});
  use_ = {command.id, (spec.flags & kNoAuth) != 0, arguments, keys_, channels_};
  return use_;
}

std::string refusal_text(const acl::Verdict& verdict, const acl::User& user, const Command& command,
                         Arguments arguments, bool detailed) {
  return acl::text_of_refusal(verdict, user.name, command.full_name, arguments[verdict.argument], detailed);
}

}  // namespace starling::server
