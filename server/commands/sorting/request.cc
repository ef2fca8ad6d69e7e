#include "server/commands/sorting/request.h"

#include "engine/base/key.h"
#include "server/commands/arguments.h"
#include "server/execute/dispatcher.h"
#include "server/io_thread.h"
#include "server/server.h"
#include "server/settings.h"

namespace starling::server::sorting {

ValuePattern::ValuePattern(std::string_view text) : text_(text) {
  element_ = text == "#";
  // Redis's patterns end at a NUL when it looks for these.
  const std::string_view looked_at = text.substr(0, text.find('\0'));
  const size_t star = looked_at.find('*');
  if (star == std::string_view::npos) return;
  names_keys_ = true;
  before_ = text.substr(0, star);
  behind_ = text.substr(star + 1);
  const size_t arrow = looked_at.find("->", star + 1);
  if (arrow == std::string_view::npos || arrow + 2 >= looked_at.size()) return;
  behind_ = text.substr(star + 1, arrow - star - 1);
  field_ = text.substr(arrow + 2);
}

std::string ValuePattern::key_of(std::string_view element) const {
  std::string name;
  name.reserve(before_.size() + element.size() + behind_.size());
  name.append(before_).append(element).append(behind_);
  return name;
}

bool ValuePattern::stays_in(uint16_t partition) const {
  if (element_) return true;
  if (!names_keys_) return engine::Key(text_).partition == partition;
  // A tag in front of the element is the first one, whatever follows.
  const size_t open = before_.find('{');
  const size_t close = open == std::string_view::npos ? open : before_.find('}', open);
  return close != std::string_view::npos && close > open + 1 && engine::Key(before_).partition == partition;
}

namespace {

// In a cluster this node has the keys of the sorted one's slot, and of no other one certainly.
bool check_slot(CommandContext& context, const ValuePattern& pattern, std::string_view option) {
  if (!context.server.settings().cluster_enabled || pattern.stays_in(context.key(1).partition)) return true;
  context.reply.error(
      "ERR " + std::string(option) +
      " option of SORT denied in cluster mode when keys formed by the pattern may be in different "
      "slots.");
  return false;
}

// What is read by a pattern is not named, so who may not read all keys may read none so.
bool check_rights(CommandContext& context, std::string_view option) {
  Client& client = context.client;
  const Command* const command = context.server.commands().find(context.spec.name);
  if (client.io_thread().dispatcher().may_read_every_key(client, *command, context.arguments)) return true;
  context.reply.error("ERR " + std::string(option) +
                      " option of SORT denied due to insufficient ACL permissions.");
  return false;
}

bool read_by(CommandContext& context, std::string_view text, Request* request) {
  request->weights = ValuePattern(text);
  request->has_weights = request->weights.names_keys();
  request->as_it_is |= !request->has_weights;
  return !request->has_weights ||
         (check_slot(context, request->weights, "BY") && check_rights(context, "BY"));
}

}  // namespace

bool read_request(CommandContext& context, bool may_store, Request* request) {
  for (size_t i = 2; i < context.size(); ++i) {
    const std::string_view word = context.argument(i);
    const size_t left = context.size() - i - 1;
    if (is_word(word, "asc")) {
      request->descending = false;
    } else if (is_word(word, "desc")) {
      request->descending = true;
    } else if (is_word(word, "alpha")) {
      request->by_bytes = true;
    } else if (is_word(word, "limit") && left >= 2) {
      if (!integer_argument(context, i + 1, &request->offset) ||
          !integer_argument(context, i + 2, &request->count))
        return false;
      i += 2;
    } else if (may_store && is_word(word, "store") && left >= 1) {
      request->store_at = ++i;
    } else if (is_word(word, "by") && left >= 1) {
      if (!read_by(context, context.argument(++i), request)) return false;
    } else if (is_word(word, "get") && left >= 1) {
      request->values.emplace_back(context.argument(++i));
      if (!check_slot(context, request->values.back(), "GET") || !check_rights(context, "GET")) return false;
    } else {
      context.reply.error(kSyntaxError);
      return false;
    }
  }
  return true;
}

}  // namespace starling::server::sorting
