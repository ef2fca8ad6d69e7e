// The syntax of redis.conf, without knowledge of any setting.
//
//   file    := { line '\n' }
//   line    := blank | '#' … | word { blank word }
//   word    := bare characters | '"' { char | escape } '"' | "'" { char | "\'" } "'"
//   escape  := \n \r \t \b \a \xHH, else the character itself
//
// A closing quote must be followed by a blank or the end. An "include path" line reads another file in its
// place.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/status.h"

namespace starling::server {

// The words of one line; empty for a blank one. Nothing when quotes are unbalanced.
std::optional<std::vector<std::string>> split_words(std::string_view line);

// The word as it must be written in a file: bare when it can be, else in double quotes with escapes.
std::string quote_word(std::string_view word);

// One line that says something. `where` is "path:number", for messages.
struct ConfigLine {
  std::string where;
  std::string text;
  std::vector<std::string> words;
  bool included = false;  // By another file.
};

// Hands the lines of `path` to `visit`, those of included files in their place. Stops at the first failure,
// of reading (kIoError), of syntax or of too many nested includes (kInvalid), or of `visit`.
engine::Status read_config_file(const std::string& path,
                                const std::function<engine::Status(const ConfigLine&)>& visit);
// The same for a text; `name` takes the place of the path.
engine::Status read_config_text(std::string_view name, std::string_view text,
                                const std::function<engine::Status(const ConfigLine&)>& visit);

// Reads a whole file. kIoError says which and why.
engine::Status read_file(const std::string& path, std::string* text);
// Replaces a file at once: after a crash it holds the old text or the new one. Keeps the file's mode.
engine::Status replace_file(const std::string& path, std::string_view text);

}  // namespace starling::server
