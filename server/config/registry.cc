#include <strings.h>

#include <algorithm>
#include <numeric>

#include "server/config/setting_spec.h"
#include "server/config/setting_value.h"

namespace starling::server {
namespace {

constexpr size_t kReferenceWidth = 110;

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// Insertions, deletions and substitutions that turn one into the other.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

// Appends `text` as comment lines of a bounded width.
void append_comment(std::string_view text, std::string* out) {
  std::string line = "#";
  while (!text.empty()) {
    size_t end = std::min(text.find(' '), text.size());
    if (line.size() + 1 + end > kReferenceWidth) {
      *out += line + "\n";
      line = "#";
    }
    line += " " + std::string(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  *out += line + "\n";
}

}  // namespace

std::span<const SettingSection> setting_sections() {
  static const SettingSection kSections[] = {network_settings(), tls_settings(),     data_settings(),
                                             cluster_settings(), process_settings(), inert_settings()};
  return kSections;
}

const SettingSpec* find_setting(std::string_view name) {
  for (const SettingSection& section : setting_sections()) {
    for (const SettingSpec& spec : section.settings) {
      if (same_name(name, spec.name) || (!spec.alias.empty() && same_name(name, spec.alias))) return &spec;
    }
  }
  return nullptr;
}

std::string_view similar_setting(std::string_view name) {
  constexpr size_t kLongestName = 64;
  constexpr size_t kClose = 3;
  if (name.size() > kLongestName) return {};
  std::string_view closest;
  size_t least = kClose + 1;
  for (const SettingSection& section : setting_sections()) {
    for (const SettingSpec& spec : section.settings) {
      size_t distance = edit_distance(name, spec.name);
      if (distance < least && distance * 2 < spec.name.size()) {
        least = distance;
        closest = spec.name;
      }
    }
  }
  return closest;
}

std::string_view leading_name(std::string_view word) {
  const auto of_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  const auto end = std::find_if_not(word.begin(), word.end(), of_name);
  return word.substr(0, static_cast<size_t>(end - word.begin()));
}

bool is_secret_setting(std::string_view word) {
  const std::string_view name = leading_name(word);
  if (const SettingSpec* spec = find_setting(name)) return (spec->flags & kSecret) != 0;
  std::string lower(name);
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  if (lower == kUserDeclaration) return true;
  if (!refusal_of(lower).empty()) return refused_is_secret(lower);
  const SettingSpec* similar = find_setting(similar_setting(name));
  return similar != nullptr && (similar->flags & kSecret) != 0;
}

std::string reference_configuration() {
  std::string out =
      "# Every setting of starling-server with its default and why. Starting with this file is the same as "
      "starting\n"
      "# without one. One setting a line; sizes take k, m, g (powers of ten) and kb, mb, gb (powers of "
      "two);\n"
      "# \"include path\" reads another file in place; --name value on the command line wins over the file.\n"
      "# Settings marked (fixed) are read at start only; the others can be changed by CONFIG SET.\n";
  for (const SettingSection& section : setting_sections()) {
    out += "\n##### " + std::string(section.title) + "\n";
    append_comment(section.introduction, &out);
    for (const SettingSpec& spec : section.settings) {
      out += "\n";
      bool fixed = (spec.flags & (kFixed | kProtectedSetting)) != 0 && (spec.flags & kInert) == 0;
      append_comment(std::string(spec.documentation) + (fixed ? " (fixed)" : ""), &out);
      if (spec.kind == SettingKind::kChoice) append_comment("One of: " + accepted_values(spec) + ".", &out);
      for (const std::string& line : setting_lines(spec, default_value(spec))) out += line + "\n";
    }
  }
  return out;
}

}  // namespace starling::server
