// The text of INFO.
//
//   info    = section *( CRLF section )       section = "# " title CRLF *( name ":" value CRLF )
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace starling::server {

class InfoWriter {
 public:
  void section(std::string_view title);
  void field(std::string_view name, std::string_view value);
  void field(std::string_view name, std::integral auto value) {
    field(name, std::string_view(std::to_string(value)));
  }
  void real(std::string_view name, double value, int decimals = 2);
  // Fields of Redis that exporters read, for what there is nothing of here.
  void nothing_of(std::initializer_list<std::string_view> names);
  // A second field, named with "_human", follows.
  void bytes(std::string_view name, uint64_t value);

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// As 1.50M. Below a kibibyte: 512B.
std::string human_bytes(uint64_t bytes);
std::string decimal(double value, int decimals);

}  // namespace starling::server
