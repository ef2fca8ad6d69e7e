// cjson.decode. Strings may have control characters; with decode_invalid_numbers (the default) numbers may be what
// strtod() reads: hexadecimal, inf, nan.
#include <strings.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "server/execute/script/json_library.h"

namespace starling::server {
namespace {

enum class Token {
  kObject,
  kObjectEnd,
  kArray,
  kArrayEnd,
  kString,
  kNumber,
  kBoolean,
  kNull,
  kColon,
  kComma,
  kEnd,
  kError
};

constexpr const char* kTokenNames[] = {"T_OBJ_BEGIN", "T_OBJ_END", "T_ARR_BEGIN", "T_ARR_END",
                                       "T_STRING",    "T_NUMBER",  "T_BOOLEAN",   "T_NULL",
                                       "T_COLON",     "T_COMMA",   "T_END",       "T_ERROR"};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Four digits; -1: they are not.
int hex_code(const char* digits) {
  int code = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = hex_digit(digits[i]);
    if (digit < 0) return -1;
    code = code << 4 | digit;
  }
  return code;
}

void append_utf8(int code, std::string* out) {
  const auto tail = [out](int bits) { *out += static_cast<char>(0x80 | (bits & 0x3f)); };
  if (code < 0x80) {
    *out += static_cast<char>(code);
  } else if (code < 0x800) {
    *out += static_cast<char>(0xc0 | code >> 6);
    tail(code);
  } else if (code < 0x10000) {
    *out += static_cast<char>(0xe0 | code >> 12);
    tail(code >> 6);
    tail(code);
  } else {
    *out += static_cast<char>(0xf0 | code >> 18);
    tail(code >> 12);
    tail(code >> 6);
    tail(code);
  }
}

// What JSON does not know as a number though strtod() does.
bool is_invalid_number(const char* text) {
  if (*text == '+') return true;
  if (*text == '-') ++text;
  if (*text == '0') return (text[1] | 0x20) == 'x' || (text[1] >= '0' && text[1] <= '9');
  if (*text <= '9') return false;
  return strncasecmp(text, "inf", 3) == 0 || strncasecmp(text, "nan", 3) == 0;
}

// The text ends with a zero byte, as all of Lua's strings do: nothing is read behind it.
class Decoder {
 public:
  Decoder(lua_State* lua, const JsonSettings& settings, const char* text)
      : lua_(lua), settings_(settings), begin_(text), at_(text) {}

  void document() {
    value(next());
    const Token end = next();
    if (end != Token::kEnd) expected("the end", end);
  }

 private:
  // Pushes the value that begins with the token.
  void value(Token token) {
    switch (token) {
      case Token::kString:
        return lua_push(lua_, string_);
      case Token::kNumber:
        return lua_pushnumber(lua_, number_);
      case Token::kBoolean:
        return lua_pushboolean(lua_, boolean_ ? 1 : 0);
      case Token::kObject:
        return object();
      case Token::kArray:
        return array();
      case Token::kNull:
        return lua_pushlightuserdata(lua_, nullptr);
      default:
        expected("value", token);
    }
  }

  void descend(int slots) {
    ++depth_;
    if (depth_ > settings_.decode_depth || lua_checkstack(lua_, slots) == 0)
      luaL_error(lua_, "Found too many nested data structures (%d) at character %d", depth_,
                 static_cast<int>(at_ - begin_));
  }

  void object() {
    descend(4);
    lua_newtable(lua_);
    Token token = next();
    if (token == Token::kObjectEnd) return (void)--depth_;
    for (;;) {
      if (token != Token::kString) expected("object key string", token);
      lua_push(lua_, string_);
      token = next();
      if (token != Token::kColon) expected("colon", token);
      value(next());
      lua_rawset(lua_, -3);
      token = next();
      if (token == Token::kObjectEnd) return (void)--depth_;
      if (token != Token::kComma) expected("comma or object end", token);
      token = next();
    }
  }

  void array() {
    descend(3);
    lua_newtable(lua_);
    Token token = next();
    if (token == Token::kArrayEnd) return (void)--depth_;
    for (int i = 1;; ++i) {
      value(token);
      lua_rawseti(lua_, -2, i);
      token = next();
      if (token == Token::kArrayEnd) return (void)--depth_;
      if (token != Token::kComma) expected("comma or array end", token);
      token = next();
    }
  }

  void expected(const char* what, Token found) {
    luaL_error(lua_, "Expected %s but found %s at character %d", what,
               found == Token::kError ? error_ : kTokenNames[static_cast<int>(found)],
               static_cast<int>(token_at_ - begin_) + 1);
  }

  Token fail(const char* what) {
    error_ = what;
    token_at_ = at_;
    return Token::kError;
  }

  Token single(Token token) {
    ++at_;
    return token;
  }

  Token next() {
    while (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r') ++at_;
    token_at_ = at_;
    switch (*at_) {
      case '{':
        return single(Token::kObject);
      case '}':
        return single(Token::kObjectEnd);
      case '[':
        return single(Token::kArray);
      case ']':
        return single(Token::kArrayEnd);
      case ',':
        return single(Token::kComma);
      case ':':
        return single(Token::kColon);
      case '\0':
        return Token::kEnd;
      case '"':
        return string();
      default:
        return word();
    }
  }

  Token word() {
    if (*at_ == '-' || (*at_ >= '0' && *at_ <= '9')) {
      if (!settings_.decode_invalid && is_invalid_number(at_)) return fail("invalid number");
      return number();
    }
    const auto take = [this](const char* name) {
      const size_t size = strlen(name);
      if (strncmp(at_, name, size) != 0) return false;
      at_ += size;
      return true;
    };
    if (take("true")) return boolean_ = true, Token::kBoolean;
    if (take("false")) return boolean_ = false, Token::kBoolean;
    if (take("null")) return Token::kNull;
    if (settings_.decode_invalid && is_invalid_number(at_)) return number();
    return fail("invalid token");
  }

  Token number() {
    char* end = nullptr;
    number_ = strtod(at_, &end);
    if (end == at_) return fail("invalid number");
    at_ = end;
    return Token::kNumber;
  }

  Token string() {
    string_.clear();
    for (++at_; *at_ != '"'; ++at_) {
      if (*at_ == '\0') return fail("unexpected end of string");
      if (*at_ != '\\') {
        string_ += *at_;
        continue;
      }
      if (at_[1] == 'u') {
        if (!unicode()) return fail("invalid unicode escape code");
        continue;
      }
      const char escaped = at_[1] == '\0' ? '\0' : unescaped(at_[1]);
      if (escaped == '\0') return fail("invalid escape code");
      string_ += escaped;
      ++at_;
    }
    ++at_;
    return Token::kString;
  }

  static char unescaped(char c) {
    switch (c) {
      case '"':
      case '\\':
      case '/':
        return c;
      case 'b':
        return '\b';
      case 't':
        return '\t';
      case 'n':
        return '\n';
      case 'f':
        return '\f';
      case 'r':
        return '\r';
      default:
        return '\0';
    }
  }

  // \uXXXX, or two of them that are a surrogate pair. Leaves the position at the last digit.
  bool unicode() {
    int code = hex_code(at_ + 2);
    if (code < 0) return false;
    int size = 6;
    if ((code & 0xf800) == 0xd800) {
      if ((code & 0x400) != 0 || at_[6] != '\\' || at_[7] != 'u') return false;
      const int low = hex_code(at_ + 8);
      if (low < 0 || (low & 0xfc00) != 0xdc00) return false;
      code = ((code & 0x3ff) << 10 | (low & 0x3ff)) + 0x10000;
      size = 12;
    }
    append_utf8(code, &string_);
    at_ += size - 1;
    return true;
  }

  lua_State* const lua_;
  const JsonSettings& settings_;
  const char* const begin_;
  const char* at_;
  const char* token_at_ = nullptr;
  const char* error_ = nullptr;
  std::string string_;
  double number_ = 0;
  bool boolean_ = false;
  int depth_ = 0;
};

}  // namespace

int decode_json(lua_State* lua) {
  luaL_argcheck(lua, lua_gettop(lua) == 1, 1, "expected 1 argument");
  const std::string_view text = lua_check_view(lua, 1);
  if (text.size() >= 2 && (text[0] == '\0' || text[1] == '\0'))
    return luaL_error(lua, "JSON parser does not support UTF-16 or UTF-32");
  Decoder decoder(lua, json_settings(lua), text.data());
  decoder.document();
  return 1;
}

}  // namespace starling::server
