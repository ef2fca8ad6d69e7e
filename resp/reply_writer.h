// Writes replies in RESP2 or RESP3 to an OutputBuffer.
//
//   simple  = "+" text CRLF          error   = "-" text CRLF            integer = ":" int CRLF
//   bulk    = "$" length CRLF bytes CRLF                                array   = "*" count CRLF count*value
//   RESP3 only, with what RESP2 gets instead:
//   null    = "_" CRLF               "$-1" or, as an array, "*-1"
//   real    = "," text CRLF          bulk
//   boolean = "#" ("t" | "f") CRLF   :1 or :0
//   big     = "(" digits CRLF        bulk
//   verbatim= "=" length CRLF 3byte ":" bytes CRLF                      bulk, without the three bytes
//   map     = "%" count CRLF count*(value value)                        array of twice the count
//   set     = "~", push = ">"        array
//   attribute = "|" count CRLF count*(value value), before the value that it describes: RESP3 only
//
// An aggregate's header promises that many values: writing them is up to the caller, and nothing checks it.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "resp/number.h"
#include "resp/output_buffer.h"
#include "resp/require.h"

namespace starling::resp {

// Told of every error written: for statistics.
class ErrorObserver {
 public:
  virtual ~ErrorObserver() = default;
  virtual void on_error(std::string_view text) = 0;
};

class ReplyWriter {
 public:
  // `output` must outlive the writer. `protocol` is 2 or 3.
  ReplyWriter(OutputBuffer& output, int protocol) : output_(output), protocol_(protocol) {}

  int protocol() const { return protocol_; }
  void set_protocol(int protocol) { protocol_ = protocol; }
  OutputBuffer& output() { return output_; }
  // Null for none. Not owned.
  void set_error_observer(ErrorObserver* observer) { error_observer_ = observer; }

  void ok() { output_.append("+OK\r\n"); }
  // `text` has neither CR nor LF.
  void simple_string(std::string_view text) { line('+', text); }
  // `text` starts with the error's code ("ERR ...", without the dash). CR and LF in it become spaces.
  void error(std::string_view text);
  void integer(int64_t value) { number_line(':', value); }
  void bulk(std::string_view bytes) {
    if (bytes.size() > kContiguousBytes) [[unlikely]]
      return long_bulk(bytes);
    char* out = output_.reserve(bytes.size() + kHeaderBytes);
    out = put_header('$', static_cast<int64_t>(bytes.size()), out);
    if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
    output_.advance(put_crlf(out + bytes.size()));
  }
  // As bulk(), but refers to `bytes` instead of copying. They must not change while `keep_alive` exists.
  void bulk_shared(std::shared_ptr<const void> keep_alive, std::string_view bytes);
  void bulk_integer(int64_t value) {
    char text[kIntegerTextBytes];
    bulk({text, static_cast<size_t>(format_integer(value, text) - text)});
  }
  void null() { output_.append(protocol_ >= 3 ? std::string_view("_\r\n") : std::string_view("$-1\r\n")); }
  void null_array() {
    output_.append(protocol_ >= 3 ? std::string_view("_\r\n") : std::string_view("*-1\r\n"));
  }

  void array(size_t count) { number_line('*', static_cast<int64_t>(count)); }
  // `count` pairs.
  void map(size_t count) {
    if (protocol_ >= 3) return number_line('%', static_cast<int64_t>(count));
    number_line('*', static_cast<int64_t>(count * 2));
  }
  void set(size_t count) { number_line(protocol_ >= 3 ? '~' : '*', static_cast<int64_t>(count)); }
  void push(size_t count) { number_line(protocol_ >= 3 ? '>' : '*', static_cast<int64_t>(count)); }
  // `count` pairs. RESP2 cannot say it, so it must not be called there: ask protocol() first.
  void attribute(size_t count) {
    require(protocol_ >= 3, "attribute() needs RESP3");
    number_line('|', static_cast<int64_t>(count));
  }

  // 17 significant digits, as scores are printed; see format_real.
  void real(double value);
  void boolean(bool value) {
    if (protocol_ >= 3) return output_.append(value ? "#t\r\n" : "#f\r\n");
    output_.append(value ? ":1\r\n" : ":0\r\n");
  }
  // `digits`: a decimal integer of any length.
  void big_number(std::string_view digits);
  // `format` is three bytes: "txt" or "mkd".
  void verbatim(std::string_view format, std::string_view text);
  // Bytes that are a whole reply, or a part of one, already.
  void raw(std::string_view bytes) { output_.append(bytes); }

 private:
  static constexpr size_t kHeaderBytes =
      1 + kIntegerTextBytes + 2 + 2;  // Type, number, CRLF, and a bulk's own CRLF.
  // Longer bulks are copied in parts rather than ask for so much contiguous room.
  static constexpr size_t kContiguousBytes = 1024;

  static char* put_crlf(char* out) {
    out[0] = '\r';
    out[1] = '\n';
    return out + 2;
  }
  static char* put_header(char type, int64_t number, char* out) {
    *out++ = type;
    if (static_cast<uint64_t>(number) < 10) {
      *out++ = static_cast<char>('0' + number);
    } else {
      out = format_integer(number, out);
    }
    return put_crlf(out);
  }
  void number_line(char type, int64_t number) {
    output_.advance(put_header(type, number, output_.reserve(kHeaderBytes)));
  }
  void line(char type, std::string_view text) {
    output_.append({&type, 1});
    output_.append(text);
    output_.append("\r\n");
  }
  void long_bulk(std::string_view bytes);

  OutputBuffer& output_;
  int protocol_;
  ErrorObserver* error_observer_ = nullptr;
};

}  // namespace starling::resp
