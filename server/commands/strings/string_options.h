// The options of SET and GETEX.
//
//   set-options   = *( "NX" | "XX" | "GET" | "KEEPTTL" | expiry )
//   getex-options = *( "PERSIST" | expiry )
//
// NX excludes XX; KEEPTTL, PERSIST and the four forms of expiry exclude each other. The same option may be
// repeated; of a repeated expiry the last counts.
#pragma once

#include <cstddef>

#include "server/commands/expiry_options.h"
#include "server/execute/command.h"

namespace starling::server {

struct StringOptions {
  bool if_absent = false;        // NX
  bool if_present = false;       // XX
  bool get = false;              // GET
  bool keep_deadline = false;    // KEEPTTL
  bool remove_deadline = false;  // PERSIST
  ExpiryForm expiry = ExpiryForm::kNone;
  size_t expiry_index = 0;  // The argument with the expiry's amount.
};

// False: a syntax error, *options are then meaningless.
[[nodiscard]] bool parse_set_options(Arguments arguments, StringOptions* options);
[[nodiscard]] bool parse_getex_options(Arguments arguments, StringOptions* options);

}  // namespace starling::server
