#include "server/commands/expiry_options.h"

#include <string>

#include "server/commands/arguments.h"

namespace starling::server {

ExpiryForm parse_expiry_form(std::string_view option) {
  if (is_word(option, "ex")) return ExpiryForm::kSeconds;
  if (is_word(option, "px")) return ExpiryForm::kMilliseconds;
  if (is_word(option, "exat")) return ExpiryForm::kUnixSeconds;
  if (is_word(option, "pxat")) return ExpiryForm::kUnixMilliseconds;
  return ExpiryForm::kNone;
}

bool deadline_of(int64_t amount, ExpiryForm form, int64_t now_ms, int64_t* deadline_ms) {
  if (form == ExpiryForm::kSeconds || form == ExpiryForm::kUnixSeconds) {
    if (amount > INT64_MAX / 1000 || amount < INT64_MIN / 1000) return false;
    amount *= 1000;
  }
  if (is_relative(form)) {
    if (amount > INT64_MAX - now_ms) return false;
    amount += now_ms;
  }
  *deadline_ms = amount;
  return true;
}

bool deadline_argument(const CommandContext& context, size_t i, ExpiryForm form, int64_t* deadline_ms) {
  int64_t amount = 0;
  if (!integer_argument(context, i, &amount)) return false;
  if (amount > 0 && deadline_of(amount, form, context.now_ms(), deadline_ms)) return true;
  reply_invalid_expire(context);
  return false;
}

void reply_invalid_expire(const CommandContext& context) {
  context.reply.error("ERR invalid expire time in '" + std::string(context.spec.name) + "' command");
}

}  // namespace starling::server
