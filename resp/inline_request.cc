#include "resp/inline_request.h"

#include <string_view>

namespace starling::resp {
namespace {

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// Vertical tab and form feed are skipped before an argument but do not end a plain one; Redis has it so.
bool ends_argument(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char escaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// `in` is behind a double quote; copies up to the closing one. Returns where it went on, null if it is not
// closed.
const char* copy_double_quoted(const char* in, const char* end, char** out) {
  while (in < end && *in != '"') {
    if (*in != '\\' || end - in < 2) {
      *(*out)++ = *in++;
    } else if (end - in >= 4 && in[1] == 'x' && hex_value(in[2]) >= 0 && hex_value(in[3]) >= 0) {
      *(*out)++ = static_cast<char>(hex_value(in[2]) * 16 + hex_value(in[3]));
      in += 4;
    } else {
      *(*out)++ = escaped(in[1]);
      in += 2;
    }
  }
  return in < end ? in + 1 : nullptr;
}

const char* copy_single_quoted(const char* in, const char* end, char** out) {
  while (in < end && *in != '\'') {
    if (*in == '\\' && end - in >= 2 && in[1] == '\'') ++in;
    *(*out)++ = *in++;
  }
  return in < end ? in + 1 : nullptr;
}

}  // namespace

bool split_inline(std::span<char> line, ArgumentArena* arguments) {
  const char* in = line.data();
  const char* const end = in + line.size();
  char* out = line.data();  // Never ahead of `in`: no argument is longer than what it was written as.
  while (true) {
    while (in < end && is_blank(*in)) ++in;
    if (in == end) return true;
    char* const begin = out;
    while (in < end && !ends_argument(*in) && *in != '"' && *in != '\'') *out++ = *in++;
    if (in < end &&
        !ends_argument(*in)) {  // A quote, which may open in the middle; closing it ends the argument.
      in = *in == '"' ? copy_double_quoted(in + 1, end, &out) : copy_single_quoted(in + 1, end, &out);
      if (in == nullptr || (in < end && !is_blank(*in))) return false;
    }
    arguments->add({begin, static_cast<size_t>(out - begin)});
  }
}

}  // namespace starling::resp
