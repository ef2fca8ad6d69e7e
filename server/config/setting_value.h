// Values of settings as text: from what a user wrote to the canonical form that CONFIG GET shows, and from
// there to the typed field and to the lines of a file.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/status.h"
#include "server/config/setting_spec.h"

namespace starling::server {

// Parses what follows the name. `base` is the canonical value that kSavePoints and kOutputLimits build on.
// Not ok: kInvalid with Redis's text for the mistake, which names the accepted values of choices and ranges.
engine::Status parse_setting(const SettingSpec& spec, std::span<const std::string> arguments,
                             std::string_view base, std::string* canonical);

// Writes a canonical value to its field. Does nothing for settings without one.
void store_setting(const SettingSpec& spec, std::string_view canonical, Settings* settings);

// The lines that would produce `canonical` in a file, each with the name; most settings need one.
std::vector<std::string> setting_lines(const SettingSpec& spec, std::string_view canonical);

// "yes, no"; "an integer from 0 to 65535"; …: for messages at start and for the documentation.
std::string accepted_values(const SettingSpec& spec);

// The canonical value of the default.
std::string default_value(const SettingSpec& spec);

}  // namespace starling::server
