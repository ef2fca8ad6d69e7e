#include "server/commands/connection/tracking_options.h"

#include "resp/number.h"
#include "server/execute/command_table.h"

namespace starling::server {

std::string parse_tracking_options(Arguments arguments, size_t from, TrackingOptions* options) {
  for (size_t i = from; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    const bool more = i + 1 < arguments.size();
    if (equals_ignoring_case(word, "redirect") && more) {
      if (options->redirect != 0) return "ERR A client can only redirect to a single other client";
      int64_t id = 0;
      if (!resp::parse_integer(arguments[++i], &id)) return "ERR value is not an integer or out of range";
      if (id <= 0) return "ERR The client ID you want redirect to does not exist";
      options->redirect = static_cast<uint64_t>(id);
    } else if (equals_ignoring_case(word, "bcast")) {
      options->broadcast = true;
    } else if (equals_ignoring_case(word, "optin")) {
      options->opt_in = true;
    } else if (equals_ignoring_case(word, "optout")) {
      options->opt_out = true;
    } else if (equals_ignoring_case(word, "noloop")) {
      options->no_loop = true;
    } else if (equals_ignoring_case(word, "prefix") && more) {
      options->prefixes.emplace_back(arguments[++i]);
    } else {
      return "ERR syntax error";
    }
  }
  return {};
}

}  // namespace starling::server
