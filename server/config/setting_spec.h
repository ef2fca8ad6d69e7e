// How a setting is declared. The registry's tables (registry_*.cc) are all there is to know about each:
// parsing, bounds, CONFIG GET/SET/REWRITE, the documentation in conf/starling.conf and the messages at start
// come from them.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/settings.h"

namespace starling::server {

enum class SettingKind {
  kBoolean,       // yes, no
  kInteger,       // decimal
  kOctal,         // octal, as file modes are written
  kMemory,        // bytes, with k kb m mb g gb
  kMemoryShare,   // the same, or per cent of maxmemory (kept as a negative number): 5%
  kChoice,        // one of `choices`
  kText,          // one argument, anything
  kWords,         // any number of arguments
  kSavePoints,    // seconds changes …; lines add up; "" clears
  kOutputLimits,  // class hard soft seconds …; classes not named keep theirs
  kEvents,        // letters of notify-keyspace-events
};

enum SettingFlag : uint32_t {
  kFixed = 1u << 0,             // Read at start only: CONFIG SET is refused.
  kProtectedSetting = 1u << 1,  // As kFixed, with Redis's message for its protected settings.
  kInert = 1u << 2,             // Accepted so that existing files and clients work; changes nothing.
  kClamped = 1u << 3,           // Out of bounds becomes the nearest bound instead of an error.
  kSecret = 1u << 7,            // Its value is shown to nobody but by CONFIG GET.
  kValueFirst = 1u << 4,        // Redis can set it: an invalid value is refused as such, though it is kFixed.
  kWarned = 1u << 5,  // kInert, but who gives another value than the default may count on it: told at start.
  kNamesFile =
      1u << 8,      // What counts is in the file that it names: CONFIG SET to the same value reads it again.
  kAuto = 1u << 6,  // kMemory: "auto" is a value, too, which load() turns into a number of bytes.
};

inline constexpr std::string_view kAutomatic = "auto";

// What a line begins with that declares a user, and is no setting: it may stand any number of times.
inline constexpr std::string_view kUserDeclaration = "user";

struct SettingChoice {
  std::string_view name;
  int value;
};

// Where the parsed value goes. Choices are stored by their value, cast to the field's type.
using SettingField =
    std::variant<std::monostate, bool Settings::*, Live<bool> Settings::*, Live<int64_t> Settings::*,
                 int64_t Settings::*, LiveText Settings::*, std::string Settings::*,
                 std::vector<std::string> Settings::*, Live<LogLevel> Settings::*,
                 Live<engine::Fsync> Settings::*, Live<engine::EvictionPolicy> Settings::*,
                 Storage Settings::*, DebugCommand Settings::*, Live<uint32_t> Settings::*>;

struct SettingSpec {
  std::string_view name;
  std::string_view alias = {};  // A second name, as Redis still has for some.
  SettingKind kind = SettingKind::kText;
  std::string_view default_text;  // What would follow the name in the file.
  SettingField field = {};
  uint32_t flags = 0;
  int64_t minimum = 0;
  int64_t maximum = std::numeric_limits<int64_t>::max();
  std::span<const SettingChoice> choices = {};
  // Of a kText that not every text will do for; `accepted` says which do.
  bool (*check)(std::string_view text) = nullptr;
  std::string_view accepted = {};
  std::string_view documentation;  // What it does, why this default. One paragraph.
};

struct SettingSection {
  std::string_view title;
  std::string_view introduction;
  std::span<const SettingSpec> settings;
};

// A setting of Redis that would mislead if it were ignored. `name` may end in '*'.
struct RefusedSetting {
  std::string_view name;
  std::string_view reason;
  bool secret = false;
};

// All sections, in the order of conf/starling.conf.
std::span<const SettingSection> setting_sections();
SettingSection network_settings();
SettingSection tls_settings();
SettingSection data_settings();
SettingSection cluster_settings();
SettingSection process_settings();
SettingSection inert_settings();

// By name or alias, whatever its case; null when there is none.
const SettingSpec* find_setting(std::string_view name);
// Why Redis's setting `name` is refused here; empty when Redis has none of that name either.
std::string_view refusal_of(std::string_view name);
bool refused_is_secret(std::string_view name);
// What a word that should be a name begins with as names do: "port" of "port=7000".
std::string_view leading_name(std::string_view word);
// Whether what follows a setting's name must not be shown: in the log, in messages, in SLOWLOG. Of a name that no
// setting has: whether it is similar to such a one's. What a word has behind its leading_name() is no less secret.
bool is_secret_setting(std::string_view word);
// The known name closest to `name`, for "did you mean"; empty when none is close.
std::string_view similar_setting(std::string_view name);

// The text of conf/starling.conf: every setting with its documentation and default.
std::string reference_configuration();

}  // namespace starling::server
