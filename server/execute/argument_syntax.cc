#include "server/execute/argument_syntax.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace starling::server {
namespace {

constexpr std::string_view kTypeNames[] = {"string",    "integer",    "double", "key",  "pattern",
                                           "unix-time", "pure-token", "oneof",  "block"};
constexpr size_t kMaxDepth = 8;
constexpr std::string_view kEllipsis = "...";

// Those that a value can be given.
bool find_type(std::string_view name, ArgumentType* type) {
  for (size_t i = 0; i <= static_cast<size_t>(ArgumentType::kUnixTime); ++i) {
    if (kTypeNames[i] != name) continue;
    *type = static_cast<ArgumentType>(i);
    return true;
  }
  return false;
}

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

bool is_token(std::string_view word) {
  return !word.empty() && word != kEllipsis && std::none_of(word.begin(), word.end(), is_lower);
}

std::string lower_case(std::string_view token) {
  std::string name(token);
  for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return name;
}

std::string joined_names(const std::vector<ArgumentDescription>& arguments) {
  std::string name;
  for (const ArgumentDescription& argument : arguments) {
    if (!name.empty()) name += '_';
    name += argument.name;
  }
  return name;
}

ArgumentDescription group_of(ArgumentType type, std::vector<ArgumentDescription> arguments) {
  ArgumentDescription group;
  group.type = type;
  group.name = joined_names(arguments);
  group.arguments = std::move(arguments);
  return group;
}

class SyntaxParser {
 public:
  explicit SyntaxParser(std::string_view syntax) : rest_(syntax) {}

  bool parse(std::vector<ArgumentDescription>* arguments) {
    return at_end() || (sequence(arguments) && at_end());
  }

 private:
  void skip_spaces() { rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size())); }

  bool at_end() {
    skip_spaces();
    return rest_.empty();
  }

  bool take(char c) {
    skip_spaces();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // The longest beginning that is not punctuation, unless that is in quotes.
  static std::string_view word_of(std::string_view text) {
    if (text.starts_with('\'')) return text.substr(0, text.find('\'', 1) + 1);
    return text.substr(0, text.find_first_of(" []{}()|=@~"));
  }

  std::string_view peek_word() {
    skip_spaces();
    return word_of(rest_);
  }

  std::string_view take_word() {
    const std::string_view word = peek_word();
    rest_.remove_prefix(word.size());
    return word;
  }

  // Versions follow at once, without a space.
  bool versions(ArgumentDescription* argument) {
    for (const auto& [mark, version] :
         {std::pair('@', &argument->since), std::pair('~', &argument->deprecated_since)}) {
      if (!rest_.starts_with(mark)) continue;
      rest_.remove_prefix(1);
      *version = rest_.starts_with(' ') ? std::string_view() : take_word();
      if (version->empty()) return false;
    }
    return true;
  }

  bool sequence(std::vector<ArgumentDescription>* arguments) {
    do {
      ArgumentDescription next;
      if (!argument(&next)) return false;
      arguments->push_back(std::move(next));
      skip_spaces();
    } while (!rest_.empty() && !rest_.starts_with('|') && closing_.find(rest_.front()) == closing_.npos);
    return true;
  }

  bool argument(ArgumentDescription* result) {
    std::string_view token;
    if (is_token(peek_word())) {
      token = take_word();
      if (token.starts_with('\'')) token = token.substr(1, token.size() - 2);
      if (!value_follows()) {
        result->name = lower_case(token);
        result->type = ArgumentType::kPureToken;
        result->token = token;
        return versions(result) && ellipsis(result, false);
      }
    }
    skip_spaces();
    const bool brackets = rest_.starts_with('[');
    if (!value(result)) return false;
    if (!token.empty()) {
      if (!result->token.empty()) return false;
      result->token = token;
    }
    return ellipsis(result, brackets);
  }

  // Whether a token is the beginning of an argument rather than one itself.
  bool value_follows() const {
    const std::string_view next = rest_.substr(std::min(rest_.find_first_not_of(' '), rest_.size()));
    const std::string_view word = word_of(next);
    return word.empty() ? next.starts_with('(') || next.starts_with('{')
                        : next.size() < rest_.size() && word != kEllipsis && !is_token(word);
  }

  bool ellipsis(ArgumentDescription* argument, bool in_brackets) {
    if (peek_word() != kEllipsis) return true;
    take_word();
    argument->multiple = true;
    argument->multiple_token = in_brackets && !argument->token.empty();
    return true;
  }

  bool value(ArgumentDescription* result) {
    if (take('[')) {
      if (!group(']', result)) return false;
      result->optional = true;
    } else if (take('(')) {
      if (!group(')', result)) return false;
    } else if (take('{')) {
      if (!group('}', result)) return false;
    } else if (!named_value(take_word(), result)) {
      return false;
    }
    return versions(result);
  }

  // The type is what follows the last colon, if it is one: names may have colons.
  static bool named_value(std::string_view word, ArgumentDescription* result) {
    if (word.empty() || word == kEllipsis) return false;
    const size_t colon = word.rfind(':');
    if (colon != word.npos && colon != 0 && find_type(word.substr(colon + 1), &result->type)) {
      word = word.substr(0, colon);
    } else {
      find_type(word, &result->type);
    }
    result->name = word;
    return true;
  }

  // After the opening bracket, up to and with `close`.
  bool group(char close, ArgumentDescription* result) {
    if (closing_.size() == kMaxDepth) return false;
    closing_ += close;
    const std::string_view before = rest_;
    std::string_view name = take_word();
    if (name.empty() || !take('=')) {
      name = {};
      rest_ = before;
    }
    if (!choices(close == '}', result) || !take(close)) return false;
    closing_.pop_back();
    if (name.empty()) return true;
    result->name = name;
    return !result->arguments.empty() || result->type == ArgumentType::kPureToken;
  }

  bool choices(bool block, ArgumentDescription* result) {
    std::vector<ArgumentDescription> found;
    do {
      std::vector<ArgumentDescription> parts;
      if (!sequence(&parts)) return false;
      found.push_back(parts.size() > 1 || block ? group_of(ArgumentType::kBlock, std::move(parts))
                                                : std::move(parts.front()));
    } while (take('|'));
    *result = found.size() > 1 ? group_of(ArgumentType::kOneOf, std::move(found)) : std::move(found.front());
    return !block || result->type == ArgumentType::kBlock;
  }

  std::string_view rest_;
  std::string closing_;  // The brackets that have yet to come.
};

}  // namespace

std::string_view argument_type_name(ArgumentType type) {
  return kTypeNames[static_cast<size_t>(type)];
}

size_t ArgumentDescription::least_words() const {
  if (optional) return 0;
  size_t words = type == ArgumentType::kPureToken ? 0 : 1;
  if (type == ArgumentType::kOneOf) {
    words = arguments.front().least_words();
    for (const ArgumentDescription& choice : arguments) words = std::min(words, choice.least_words());
  } else if (type == ArgumentType::kBlock) {
    words = 0;
    for (const ArgumentDescription& part : arguments) words += part.least_words();
  }
  return words + (token.empty() ? 0 : 1);
}

bool parse_argument_syntax(std::string_view syntax, std::vector<ArgumentDescription>* arguments) {
  arguments->clear();
  return SyntaxParser(syntax).parse(arguments);
}

}  // namespace starling::server
