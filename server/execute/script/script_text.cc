#include "server/execute/script/script_text.h"

#include <algorithm>

namespace starling::server {
namespace {

constexpr std::string_view kBegin = "#!", kEngine = "#!lua", kFlags = "flags=";

struct NamedFlag {
  std::string_view name;
  ScriptFlag flag;
};
constexpr NamedFlag kNamedFlags[] = {{"no-writes", kScriptNoWrites},
                                     {"allow-oom", kScriptAllowOom},
                                     {"allow-stale", kScriptAllowStale},
                                     {"no-cluster", kScriptNoCluster},
                                     {"allow-cross-slot-keys", kScriptAllowCrossSlot}};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(separator));
    if (!part.empty()) parts.push_back(part);
    text.remove_prefix(std::min(part.size() + 1, text.size()));
  }
  return parts;
}

std::string take_flags(std::string_view list, uint32_t* flags) {
  for (const std::string_view name : split(list, ',')) {
    const uint32_t flag = script_flag(name);
    if (flag == 0) return "ERR Unexpected flag in script shebang: " + std::string(name);
    *flags |= flag;
  }
  return {};
}

}  // namespace

uint32_t script_flag(std::string_view name) {
  for (const NamedFlag& named : kNamedFlags) {
    if (name == named.name) return named.flag;
  }
  return 0;
}

std::vector<std::string_view> script_flag_names(uint32_t flags) {
  std::vector<std::string_view> names;
  for (const NamedFlag& named : kNamedFlags) {
    if ((flags & named.flag) != 0) names.push_back(named.name);
  }
  return names;
}

std::string read_shebang(std::string_view text, uint32_t* flags, size_t* lua_from) {
  *flags = kScriptOldKind;
  *lua_from = 0;
  if (!text.starts_with(kBegin)) return {};
  *flags = 0;
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return "ERR Invalid script shebang";
  const std::vector<std::string_view> words = split(text.substr(0, end), ' ');
  if (words[0] != kEngine) return "ERR Unexpected engine in script shebang: " + std::string(words[0]);
  for (size_t i = 1; i < words.size(); ++i) {
    if (!words[i].starts_with(kFlags)) return "ERR Unknown lua shebang option: " + std::string(words[i]);
    if (std::string error = take_flags(words[i].substr(kFlags.size()), flags); !error.empty()) return error;
  }
  *lua_from = end;
  return {};
}

}  // namespace starling::server
