// Requests as a client sends them.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace starling::server {

inline void append_request(std::span<const std::string_view> arguments, std::string* out) {
  out->append("*").append(std::to_string(arguments.size())).append("\r\n");
  for (const std::string_view argument : arguments) {
    out->append("$").append(std::to_string(argument.size())).append("\r\n");
    out->append(argument).append("\r\n");
  }
}

inline std::string request_text(std::initializer_list<std::string_view> arguments) {
  std::string text;
  append_request({arguments.begin(), arguments.size()}, &text);
  return text;
}

}  // namespace starling::server
