#include "server/commands/strings/string_options.h"

#include "server/commands/arguments.h"

namespace starling::server {
namespace {

// Takes the expiry that begins at arguments[*i], and leaves *i at its amount. False: none, or not allowed
// here.
bool take_expiry(Arguments arguments, size_t* i, StringOptions* options) {
  const ExpiryForm form = parse_expiry_form(arguments[*i]);
  const bool excluded = options->keep_deadline || options->remove_deadline ||
                        (options->expiry != ExpiryForm::kNone && options->expiry != form);
  if (form == ExpiryForm::kNone || excluded || *i + 1 == arguments.size()) return false;
  options->expiry = form;
  options->expiry_index = ++*i;
  return true;
}

bool take_set_word(std::string_view word, StringOptions* options) {
  if (is_word(word, "nx")) return options->if_absent = !options->if_present;
  if (is_word(word, "xx")) return options->if_present = !options->if_absent;
  if (is_word(word, "get")) return options->get = true;
  if (is_word(word, "keepttl")) return options->keep_deadline = options->expiry == ExpiryForm::kNone;
  return false;
}

}  // namespace

bool parse_set_options(Arguments arguments, StringOptions* options) {
  for (size_t i = 3; i < arguments.size(); ++i) {
    if (!take_set_word(arguments[i], options) && !take_expiry(arguments, &i, options)) return false;
  }
  return true;
}

bool parse_getex_options(Arguments arguments, StringOptions* options) {
  for (size_t i = 2; i < arguments.size(); ++i) {
    if (is_word(arguments[i], "persist") && options->expiry == ExpiryForm::kNone) {
      options->remove_deadline = true;
    } else if (!take_expiry(arguments, &i, options)) {
      return false;
    }
  }
  return true;
}

}  // namespace starling::server
