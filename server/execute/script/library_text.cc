#include "server/execute/script/library_text.h"

#include <algorithm>
#include <vector>

namespace starling::server {
namespace {

constexpr std::string_view kLibraryBegin = "#!", kLuaEngine = "lua", kName = "name=";

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Of a word, from its opening quote on: what is between the quotes, where a backslash makes the next one plain. False:
// it has no end, or something stands right behind it.
bool take_quoted(std::string_view* rest, std::string* word) {
  const char quote = rest->front();
  size_t at = 1;
  for (; at < rest->size() && (*rest)[at] != quote; ++at) {
    if ((*rest)[at] == '\\' && at + 1 < rest->size()) ++at;
    word->push_back((*rest)[at]);
  }
  if (at >= rest->size() || (at + 1 < rest->size() && !is_blank((*rest)[at + 1]))) return false;
  rest->remove_prefix(at + 1);
  return true;
}

// The words of a line. False: quotes are unbalanced.
bool split_words(std::string_view line, std::vector<std::string>* words) {
  for (;;) {
    while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
    if (line.empty()) return true;
    std::string& word = words->emplace_back();
    while (!line.empty() && !is_blank(line.front())) {
      if (line.front() == '"' || line.front() == '\'') {
        if (!take_quoted(&line, &word)) return false;
        break;
      }
      word.push_back(line.front());
      line.remove_prefix(1);
    }
  }
}

}  // namespace

bool is_library_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string folded(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) {
    if (is_letter(c)) c = static_cast<char>(c | 0x20);
  }
  return lower;
}

std::string read_library_header(std::string_view text, std::string* name, size_t* lua_from) {
  if (!text.starts_with(kLibraryBegin)) return "ERR Missing library metadata";
  *lua_from = text.find('\n');
  if (*lua_from == std::string_view::npos) return "ERR Invalid library metadata";
  std::vector<std::string> words;
  if (!split_words(text.substr(0, *lua_from), &words)) return "ERR Invalid library metadata";
  bool named = false;
  for (size_t i = 1; i < words.size(); ++i) {
    if (!folded(words[i]).starts_with(kName)) return "ERR Invalid metadata value given: " + words[i];
    if (named) return "ERR Invalid metadata value, name argument was given multiple times";
    named = true;
    *name = words[i].substr(kName.size());
  }
  if (!named) return "ERR Library name was not given";
  if (!is_library_name(*name)) return "ERR " + std::string(kLibraryNameError);
  const std::string engine = words[0].substr(kLibraryBegin.size());
  if (folded(engine) != kLuaEngine) return "ERR Engine '" + engine + "' not found";
  return {};
}

}  // namespace starling::server
