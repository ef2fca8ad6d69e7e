// What SORT is asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/execute/command.h"

namespace starling::server::sorting {

// The name of a value that belongs to an element: w_*, or w_*->field of a hash. A pattern of "#" is the element itself;
// one without '*' names nothing.
class ValuePattern {
 public:
  ValuePattern() = default;
  explicit ValuePattern(std::string_view text);

  bool is_element() const { return element_; }
  bool names_keys() const { return names_keys_; }
  // Precondition of both: names_keys().
  std::string key_of(std::string_view element) const;
  std::string_view field() const { return field_; }  // Empty: the value is a string.
  // Whether the key is of the partition whatever the element is.
  bool stays_in(uint16_t partition) const;

 private:
  std::string_view text_, before_, behind_, field_;
  bool element_ = false;
  bool names_keys_ = false;
};

struct Request {
  bool descending = false;
  bool by_bytes = false;  // ALPHA.
  bool as_it_is = false;  // BY what names no key: nothing is to be sorted.
  bool has_weights = false;
  ValuePattern weights;              // Of BY.
  std::vector<ValuePattern> values;  // Of each GET, in their order; none: the elements.
  int64_t offset = 0;
  int64_t count = -1;
  size_t store_at = 0;  // The argument with the key that the result is stored at; 0: it is replied.
};

// False: an error was replied.
[[nodiscard]] bool read_request(CommandContext& context, bool may_store, Request* request);

}  // namespace starling::server::sorting
