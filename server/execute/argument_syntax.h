// The arguments of a command, as a line that people read, made into the tree that COMMAND DOCS answers with.
//
//   syntax   = [ sequence ]
//   sequence = argument { argument }
//   argument = ( [ TOKEN ] value | TOKEN ) [ "..." ]     a TOKEN has no lower-case letters: sent as it stands; one
//                                                      that is punctuation here is in single quotes
//   value    = name [ ":" type ] [ versions ]            what the client chooses
//            | "[" group "]" [ versions ]                may be left out
//            | "(" group ")" [ versions ]
//            | "{" group "}" [ versions ]                a block, even of one
//   group    = [ name "=" ] sequence { "|" sequence }    several: one of them; a sequence of several is a
//   block versions = [ "@" since ] [ "~" deprecated since ]    also after a TOKEN that stands alone
//
// Types are Redis's: string (when none is given), integer, double, key, pattern, unix-time. A value that is called
// like a type has it. A group without a name is called as its parts, joined by '_'; a lone TOKEN can be named so too.
// "..." means one or more; after what is in brackets, its token is repeated each time.
//
//   key value [condition= NX | XX] [expiration= EX seconds:integer | KEEPTTL@6.0.0]
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace starling::server {

enum class ArgumentType : uint8_t {
  kString,
  kInteger,
  kDouble,
  kKey,
  kPattern,
  kUnixTime,
  kPureToken,
  kOneOf,
  kBlock,
};

std::string_view argument_type_name(ArgumentType type);  // As COMMAND DOCS shows it.

struct ArgumentDescription {
  std::string name;
  ArgumentType type = ArgumentType::kString;
  // Views into the syntax; empty: none.
  std::string_view token = {};
  std::string_view since = {};
  std::string_view deprecated_since = {};
  bool optional = false;
  bool multiple = false;
  bool multiple_token = false;
  std::vector<ArgumentDescription> arguments = {};  // Of kOneOf and kBlock: never empty.

  // How many words of a request it takes at least.
  size_t least_words() const;
};

// False: it does not follow the grammar, and `arguments` is of no use. Nesting is bounded.
[[nodiscard]] bool parse_argument_syntax(std::string_view syntax,
                                         std::vector<ArgumentDescription>* arguments);

}  // namespace starling::server
