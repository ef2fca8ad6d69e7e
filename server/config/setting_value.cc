#include "server/config/setting_value.h"

#include <strings.h>

#include <charconv>
#include <cstdlib>
#include <optional>
#include <type_traits>
#include <variant>

#include "engine/base/assert.h"
#include "resp/number.h"
#include "server/config/config_text.h"
#include "server/notify_class.h"

namespace starling::server {
namespace {

using engine::Status;
using engine::StatusCode;

Status refused(std::string message) {
  return Status(StatusCode::kInvalid, std::move(message));
}

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::optional<int64_t> parse_number(std::string_view text, int base) {
  int64_t value = 0;
  if (base == 10) return resp::parse_integer(text, &value) ? std::optional(value) : std::nullopt;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// "10", "10b", "10k" (1000), "10kb" (1024), … An empty number counts as 0, as in Redis.
std::optional<int64_t> parse_memory(std::string_view text) {
  static constexpr struct {
    std::string_view suffix;
    int64_t factor;
  } kUnits[] = {{"", 1},         {"b", 1},        {"k", 1000},         {"kb", 1 << 10},
                {"m", 1000'000}, {"mb", 1 << 20}, {"g", 1000'000'000}, {"gb", 1 << 30}};
  // Leading zeros are fine here, unlike in integers.
  while (text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9') text.remove_prefix(1);
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  std::string_view suffix = text.substr(digits);
  int64_t value = 0;
  if (digits > 0) {
    auto number = parse_number(text.substr(0, digits), 10);
    if (!number) return std::nullopt;
    value = *number;
  } else if (!suffix.empty()) {
    return std::nullopt;
  }
  for (const auto& unit : kUnits) {
    int64_t bytes = 0;
    if (!same_word(suffix, unit.suffix)) continue;
    if (__builtin_mul_overflow(value, unit.factor, &bytes)) return std::nullopt;
    return bytes;
  }
  return std::nullopt;
}

// "5%". Nothing for what is no percentage.
std::optional<int64_t> parse_percentage(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  return parse_number(text.substr(0, text.size() - 1), 10);
}

std::string format_octal(int64_t value) {
  char digits[24];
  auto end = std::to_chars(digits, digits + sizeof(digits), value, 8).ptr;
  return std::string(digits, end);
}

Status parse_boolean(std::string_view text, std::string* canonical) {
  if (!same_word(text, "yes") && !same_word(text, "no")) return refused("argument must be 'yes' or 'no'");
  *canonical = same_word(text, "yes") ? "yes" : "no";
  return {};
}

Status parse_in_range(const SettingSpec& spec, std::string_view text, std::string* canonical) {
  std::optional<int64_t> value;
  if ((spec.flags & kAuto) != 0 && same_word(text, kAutomatic)) {
    *canonical = kAutomatic;
    return {};
  }
  if (spec.kind == SettingKind::kMemory || spec.kind == SettingKind::kMemoryShare) {
    const bool share = spec.kind == SettingKind::kMemoryShare && text.ends_with('%');
    if (share) {
      value = parse_percentage(text);
      if (!value || *value < 0) return refused("argument must be a memory or percent value");
      if (*value > 100) return refused("percentage argument must be less or equal to 100");
      *canonical = *value == 0 ? "0" : std::to_string(*value) + "%";
      return {};
    }
    value = parse_memory(text);
    if (!value) {
      return refused(spec.kind == SettingKind::kMemory ? "argument must be a memory value"
                                                       : "argument must be a memory or percent value");
    }
  } else if (spec.kind == SettingKind::kOctal) {
    value = parse_number(text, 8);
    if (!value) return refused("argument couldn't be parsed as an octal number");
  } else {
    value = parse_number(text, 10);
    if (!value) return refused("argument couldn't be parsed into an integer");
  }
  if (spec.flags & kClamped) value = std::min(std::max(*value, spec.minimum), spec.maximum);
  auto format = [&](int64_t number) {
    return spec.kind == SettingKind::kOctal ? format_octal(number) : std::to_string(number);
  };
  if ((*value < spec.minimum || *value > spec.maximum) && spec.minimum == spec.maximum)
    return refused("argument must be " + format(spec.minimum));
  if (*value < spec.minimum || *value > spec.maximum) {
    return refused("argument must be between " + format(spec.minimum) + " and " + format(spec.maximum) +
                   " inclusive");
  }
  *canonical = format(*value);
  return {};
}

Status parse_choice(const SettingSpec& spec, std::string_view text, std::string* canonical) {
  for (const SettingChoice& choice : spec.choices) {
    if (!same_word(text, choice.name)) continue;
    *canonical = choice.name;
    return {};
  }
  return refused("argument(s) must be one of the following: " + accepted_values(spec));
}

std::string join(std::span<const std::string> words) {
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : " ") + word;
  return joined;
}

Status parse_save_points(std::span<const std::string> words, std::string_view base, std::string* canonical) {
  if (words.empty()) {
    canonical->clear();
    return {};
  }
  if (words.size() % 2 != 0) return refused("Invalid save parameters");
  for (size_t i = 0; i < words.size(); ++i) {
    auto number = parse_number(words[i], 10);
    if (!number || *number < (i % 2 == 0 ? 1 : 0)) return refused("Invalid save parameters");
  }
  *canonical = std::string(base) + (base.empty() ? "" : " ") + join(words);
  return {};
}

constexpr std::string_view kOutputClasses[] = {"normal", "slave", "pubsub"};

Status parse_output_limits(std::span<const std::string> words, std::string_view base,
                           std::string* canonical) {
  auto limits = split_words(base);
  STARLING_ASSERT(limits && limits->size() == std::size(kOutputClasses) * 4);
  if (words.empty() || words.size() % 4 != 0) {
    return refused("Wrong number of arguments in buffer limit configuration.");
  }
  for (size_t i = 0; i < words.size(); i += 4) {
    size_t index = 0;
    std::string_view name = same_word(words[i], "replica") ? "slave" : std::string_view(words[i]);
    while (index < std::size(kOutputClasses) && !same_word(name, kOutputClasses[index])) ++index;
    if (index == std::size(kOutputClasses)) {
      return refused("Invalid client class specified in buffer limit configuration.");
    }
    auto hard = parse_memory(words[i + 1]);
    auto soft = parse_memory(words[i + 2]);
    auto seconds = parse_number(words[i + 3], 10);
    if (!hard || !soft || !seconds || *seconds < 0) {
      return refused("Error in hard, soft or soft_seconds setting in buffer limit configuration.");
    }
    (*limits)[index * 4 + 1] = std::to_string(*hard);
    (*limits)[index * 4 + 2] = std::to_string(*soft);
    (*limits)[index * 4 + 3] = std::to_string(*seconds);
  }
  *canonical = join(*limits);
  return {};
}

// In the order in which Redis shows them. 'A' stands for all of the first group.
constexpr struct {
  char letter;
  uint32_t bit;
} kEventLetters[] = {{'g', kNotifyGeneric},  {'$', kNotifyString},  {'l', kNotifyList},
                     {'s', kNotifySet},      {'h', kNotifyHash},    {'z', kNotifySortedSet},
                     {'x', kNotifyExpired},  {'e', kNotifyEvicted}, {'t', kNotifyStream},
                     {'d', kNotifyModule},   {'n', kNotifyNew},     {'K', kNotifyKeyspace},
                     {'E', kNotifyKeyevent}, {'m', kNotifyKeyMiss}};
constexpr uint32_t kAllEvents = kNotifyGeneric | kNotifyString | kNotifyList | kNotifySet | kNotifyHash |
                                kNotifySortedSet | kNotifyExpired | kNotifyEvicted | kNotifyStream |
                                kNotifyModule;

std::optional<uint32_t> parse_event_bits(std::string_view text) {
  uint32_t bits = 0;
  for (char c : text) {
    uint32_t bit = c == 'A' ? kAllEvents : 0;
    for (const auto& letter : kEventLetters) bit |= letter.letter == c ? letter.bit : 0;
    if (bit == 0) return std::nullopt;
    bits |= bit;
  }
  return bits;
}

Status parse_events(std::string_view text, std::string* canonical) {
  auto bits = parse_event_bits(text);
  if (!bits) return refused("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
  bool all = (*bits & kAllEvents) == kAllEvents;
  canonical->clear();
  if (all) canonical->push_back('A');
  for (const auto& letter : kEventLetters) {
    if ((*bits & letter.bit) != 0 && !(all && (kAllEvents & letter.bit) != 0))
      canonical->push_back(letter.letter);
  }
  return {};
}

std::string format_memory(std::string_view canonical) {
  if (canonical == kAutomatic) return std::string(canonical);
  if (canonical.ends_with('%')) return std::string(canonical);
  int64_t bytes = parse_number(canonical, 10).value_or(0);
  if (bytes != 0 && bytes % (1 << 30) == 0) return std::to_string(bytes >> 30) + "gb";
  if (bytes != 0 && bytes % (1 << 20) == 0) return std::to_string(bytes >> 20) + "mb";
  if (bytes != 0 && bytes % (1 << 10) == 0) return std::to_string(bytes >> 10) + "kb";
  return std::to_string(bytes);
}

void store_output_limits(std::string_view canonical, Settings* settings) {
  auto words = split_words(canonical).value_or(std::vector<std::string>{});
  STARLING_ASSERT(words.size() == std::size(kOutputClasses) * 4);
  auto number = [&](size_t i) { return parse_number(words[i], 10).value_or(0); };
  auto store = [&](OutputLimit* limit, size_t first) {
    limit->hard_bytes.set(number(first + 1));
    limit->soft_bytes.set(number(first + 2));
    limit->soft_seconds.set(number(first + 3));
  };
  store(&settings->output_normal, 0);
  store(&settings->output_pubsub, 8);
}

int64_t as_number(const SettingSpec& spec, std::string_view canonical) {
  if ((spec.flags & kAuto) != 0 && canonical == kAutomatic) return 0;
  if (spec.kind == SettingKind::kBoolean) return canonical == "yes" ? 1 : 0;
  for (const SettingChoice& choice : spec.choices) {
    if (choice.name == canonical) return choice.value;
  }
  if (const auto percentage = parse_percentage(canonical)) return -*percentage;
  auto number = parse_number(canonical, spec.kind == SettingKind::kOctal ? 8 : 10);
  STARLING_ASSERT(number.has_value());
  return *number;
}

template <typename T>
void assign(const SettingSpec& spec, std::string_view canonical, Live<T>* field) {
  field->set(static_cast<T>(as_number(spec, canonical)));
}
template <typename T>
requires std::is_integral_v<T> || std::is_enum_v<T>
void assign(const SettingSpec& spec, std::string_view canonical, T* field) {
  *field = static_cast<T>(as_number(spec, canonical));
}
void assign(const SettingSpec&, std::string_view canonical, std::string* field) {
  *field = canonical;
}
void assign(const SettingSpec&, std::string_view canonical, LiveText* field) {
  field->set(std::string(canonical));
}
void assign(const SettingSpec&, std::string_view canonical, Live<uint32_t>* field) {
  field->set(parse_event_bits(canonical).value_or(0));
}
void assign(const SettingSpec&, std::string_view canonical, std::vector<std::string>* field) {
  *field = split_words(canonical).value_or(std::vector<std::string>{});
}

bool takes_many_words(SettingKind kind) {
  return kind == SettingKind::kWords || kind == SettingKind::kSavePoints ||
         kind == SettingKind::kOutputLimits;
}

}  // namespace

Status parse_setting(const SettingSpec& spec, std::span<const std::string> arguments, std::string_view base,
                     std::string* canonical) {
  if (!takes_many_words(spec.kind)) {
    if (arguments.size() != 1) return refused("wrong number of arguments");
    const std::string& text = arguments.front();
    switch (spec.kind) {
      case SettingKind::kBoolean:
        return parse_boolean(text, canonical);
      case SettingKind::kChoice:
        return parse_choice(spec, text, canonical);
      case SettingKind::kEvents:
        return parse_events(text, canonical);
      case SettingKind::kText:
        if (spec.check != nullptr && !spec.check(text))
          return refused("argument must be " + std::string(spec.accepted));
        *canonical = text;
        return {};
      default:
        return parse_in_range(spec, text, canonical);
    }
  }
  if (arguments.empty()) return refused("wrong number of arguments");
  std::vector<std::string> words(arguments.begin(), arguments.end());
  // One argument may hold several, as CONFIG SET and quotes in a file have them.
  if (words.size() == 1) {
    auto split = split_words(words.front());
    if (!split) return refused("unbalanced quotes");
    words = std::move(*split);
  }
  switch (spec.kind) {
    case SettingKind::kSavePoints:
      return parse_save_points(words, base, canonical);
    case SettingKind::kOutputLimits:
      return parse_output_limits(words, base, canonical);
    default:
      *canonical = join(words);
      return {};
  }
}

void store_setting(const SettingSpec& spec, std::string_view canonical, Settings* settings) {
  if (spec.kind == SettingKind::kOutputLimits) return store_output_limits(canonical, settings);
  std::visit(
      [&](auto member) {
        if constexpr (!std::is_same_v<decltype(member), std::monostate>)
          assign(spec, canonical, &(settings->*member));
      },
      spec.field);
}

std::vector<std::string> setting_lines(const SettingSpec& spec, std::string_view canonical) {
  std::string name(spec.name);
  auto words = split_words(canonical).value_or(std::vector<std::string>{});
  std::vector<std::string> lines;
  switch (spec.kind) {
    case SettingKind::kMemory:
    case SettingKind::kMemoryShare:
      return {name + " " + format_memory(canonical)};
    case SettingKind::kWords:
      return {name + (words.empty() ? " \"\"" : " " + std::string(canonical))};
    case SettingKind::kSavePoints:
      if (words.empty()) return {name + " \"\""};
      for (size_t i = 0; i + 1 < words.size(); i += 2)
        lines.push_back(name + " " + words[i] + " " + words[i + 1]);
      return lines;
    case SettingKind::kOutputLimits:
      for (size_t i = 0; i + 3 < words.size(); i += 4) {
        lines.push_back(name + " " + (words[i] == "slave" ? "replica" : words[i]) + " " +
                        format_memory(words[i + 1]) + " " + format_memory(words[i + 2]) + " " + words[i + 3]);
      }
      return lines;
    default:
      return {name + " " + quote_word(canonical)};
  }
}

std::string accepted_values(const SettingSpec& spec) {
  std::string names;
  switch (spec.kind) {
    case SettingKind::kBoolean:
      return "yes, no";
    case SettingKind::kInteger:
      return "an integer from " + std::to_string(spec.minimum) + " to " + std::to_string(spec.maximum);
    case SettingKind::kOctal:
      return "an octal number from 0 to " + format_octal(spec.maximum);
    case SettingKind::kMemory:
      return "a size in bytes such as 1048576, 512kb, 100mb or 2gb, at least " +
             format_memory(std::to_string(spec.minimum));
    case SettingKind::kMemoryShare:
      return "a size in bytes such as 1048576, 512kb, 100mb or 2gb, or a share of maxmemory such as 5%";
    case SettingKind::kChoice:
      for (const SettingChoice& choice : spec.choices)
        names += (names.empty() ? "" : ", ") + std::string(choice.name);
      return names;
    case SettingKind::kText:
      if (!spec.accepted.empty()) return std::string(spec.accepted);
      return "one argument; in double quotes when it has blanks or is empty";
    case SettingKind::kWords:
      return "arguments separated by blanks";
    case SettingKind::kSavePoints:
      return "\"\", or pairs of seconds and changes";
    case SettingKind::kOutputLimits:
      return "normal, replica or pubsub, then hard limit, soft limit, seconds";
    case SettingKind::kEvents:
      return "\"\", or letters of Ag$lshzxeKEtmdn";
  }
  return {};
}

std::string default_value(const SettingSpec& spec) {
  auto words = split_words(spec.default_text);
  STARLING_ASSERT(words);
  std::string canonical;
  Status status = parse_setting(spec, *words, "normal 0 0 0 slave 0 0 0 pubsub 0 0 0", &canonical);
  if (spec.kind == SettingKind::kSavePoints) status = parse_setting(spec, *words, "", &canonical);
  STARLING_ASSERT(status.ok());
  return canonical;
}

}  // namespace starling::server
