// What there is to be allowed: commands by their numbers, their subcommands and the categories they are in. Made once
// of the table of commands; read-only afterwards, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace starling::server::acl {

std::string lower_case(std::string_view text);
// ASCII only.
[[nodiscard]] bool same_word(std::string_view a, std::string_view b);

class Catalogue {
 public:
  struct Entry {
    std::string name;  // "get", "config|get".
    uint32_t categories = 0;
    std::optional<uint32_t> container =
        {};  // Of a subcommand: the number of its container, which is smaller.
  };

  // A command's number is its place. `categories`: their names, by bit.
  Catalogue(std::vector<Entry> commands, std::vector<std::string> categories);

  size_t size() const { return commands_.size(); }
  const Entry& command(uint32_t id) const { return commands_[id]; }
  std::span<const uint32_t> subcommands(uint32_t id) const { return subcommands_[id]; }
  // Whatever its case; nothing: there is none.
  std::optional<uint32_t> find(std::string_view name) const;
  // The category's bit, whatever the case of its name; 0: there is none.
  uint32_t category(std::string_view name) const;

 private:
  std::vector<Entry> commands_;
  std::vector<std::vector<uint32_t>> subcommands_;
  std::map<std::string, uint32_t, std::less<>> by_name_;
  std::vector<std::string> categories_;
};

}  // namespace starling::server::acl
