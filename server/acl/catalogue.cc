#include "server/acl/catalogue.h"

#include <utility>

#include "engine/base/assert.h"

namespace starling::server::acl {
namespace {

char lower_letter(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = lower_letter(c);
  return lower;
}

bool same_word(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (lower_letter(a[i]) != lower_letter(b[i])) return false;
  }
  return true;
}

Catalogue::Catalogue(std::vector<Entry> commands, std::vector<std::string> categories)
    : commands_(std::move(commands)), subcommands_(commands_.size()), categories_(std::move(categories)) {
  for (uint32_t id = 0; id < commands_.size(); ++id) {
    by_name_.emplace(commands_[id].name, id);
    const std::optional<uint32_t> container = commands_[id].container;
    if (!container) continue;
    STARLING_ASSERT(*container < id);
    subcommands_[*container].push_back(id);
  }
}

std::optional<uint32_t> Catalogue::find(std::string_view name) const {
  const auto found = by_name_.find(lower_case(name));
  return found == by_name_.end() ? std::nullopt : std::optional(found->second);
}

uint32_t Catalogue::category(std::string_view name) const {
  for (size_t bit = 0; bit < categories_.size(); ++bit) {
    if (same_word(categories_[bit], name)) return uint32_t{1} << bit;
  }
  return 0;
}

}  // namespace starling::server::acl
