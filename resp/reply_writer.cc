#include "resp/reply_writer.h"

#include <algorithm>
#include <string>
#include <utility>

namespace starling::resp {

void ReplyWriter::error(std::string_view text) {
  if (error_observer_ != nullptr) error_observer_->on_error(text);
  if (text.find_first_of("\r\n") == std::string_view::npos) return line('-', text);
  std::string clean(text);
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return c == '\r' || c == '\n'; }, ' ');
  line('-', clean);
}

void ReplyWriter::long_bulk(std::string_view bytes) {
  number_line('$', static_cast<int64_t>(bytes.size()));
  output_.append(bytes);
  output_.append("\r\n");
}

void ReplyWriter::bulk_shared(std::shared_ptr<const void> keep_alive, std::string_view bytes) {
  number_line('$', static_cast<int64_t>(bytes.size()));
  output_.append_shared(std::move(keep_alive), bytes);
  output_.append("\r\n");
}

void ReplyWriter::real(double value) {
  char text[kRealTextBytes];
  const std::string_view view(text, static_cast<size_t>(format_real(value, text) - text));
  if (protocol_ >= 3) return line(',', view);
  bulk(view);
}

void ReplyWriter::big_number(std::string_view digits) {
  if (protocol_ >= 3) return line('(', digits);
  bulk(digits);
}

void ReplyWriter::verbatim(std::string_view format, std::string_view text) {
  require(format.size() == 3, "verbatim() wants a format of three bytes");
  if (protocol_ < 3) return bulk(text);
  number_line('=', static_cast<int64_t>(text.size() + 4));
  output_.append(format);
  output_.append(":");
  output_.append(text);
  output_.append("\r\n");
}

}  // namespace starling::resp
