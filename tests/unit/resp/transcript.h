// What a RequestParser makes of some bytes, as text to compare. Shared by the unit tests and the fuzz target.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "resp/request_parser.h"

namespace starling::resp {

// Feeds `bytes` in reads of the sizes that `next_read` answers (at least 1 is read, at most what the parser
// offers), asking for requests after each. Two transcripts are equal when the parser handed out the same
// requests and ended the same way. With `take` big bulks are taken, as a SET would, and their contents
// compared with the view.
inline std::string transcript(std::string_view bytes, const std::function<size_t()>& next_read,
                              const ParserLimits& limits = {}, bool take = false) {
  RequestParser parser(limits);
  std::string result;
  while (!bytes.empty()) {
    const std::span<char> room = parser.prepare();
    const size_t size = std::min({std::max<size_t>(next_read(), 1), room.size(), bytes.size()});
    std::memcpy(room.data(), bytes.data(), size);
    bytes.remove_prefix(size);
    parser.commit(size);
    std::vector<Request> requests(1);
    RequestParser::Status status;
    // All of them first, then their contents: the views of the whole batch must hold.
    while ((status = parser.next(&requests.back())) == RequestParser::Status::kRequest)
      requests.emplace_back();
    requests.pop_back();
    for (Request& request : requests) {
      result += "(";
      for (size_t i = 0; i < request.arguments.size(); ++i) {
        const std::string_view argument = request.arguments[i];
        size_t taken_size = 0;
        const std::unique_ptr<char[]> taken = take ? request.take_bulk(i, &taken_size) : nullptr;
        if (taken != nullptr && std::string_view(taken.get(), taken_size) != argument)
          result += "TAKEN DIFFERS";
        result += std::to_string(argument.size()) + ":";
        result += argument;
        result += ",";
      }
      result += ")";
    }
    if (status == RequestParser::Status::kError) return result + "!" + std::string(parser.error());
    parser.release();
  }
  return result + (parser.buffered() > 0 ? "..." : ".");
}

inline std::string transcript(std::string_view bytes, size_t read_bytes, const ParserLimits& limits = {}) {
  return transcript(
      bytes, [read_bytes] { return read_bytes; }, limits);
}

}  // namespace starling::resp
