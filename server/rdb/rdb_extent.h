// Where one part of an RDB file ends, found as its bytes come; what they say is not looked at. A part's shape is a
// text that says what it consists of:
//
//   l   a length or number              s   a string               (both as in rdb_strings.h)
//   b   1 byte     w   4 bytes          d   8 bytes      i   16 bytes
//   f   a score as a text: 1 byte of its size, 253 and more of which mean that nothing follows
//   (…) a length, and what is in the brackets as many times
//   m   what a module keeps: *( 1 length | 2 length | 3 4byte | 4 8byte | 5 string ) 0, the digits being lengths
//
// Nothing is kept but where it stands, however large the part is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace starling::server {

class RdbExtent {
 public:
  enum class Result {
    kWhole,
    kMore,      // All that came is looked at, and the part goes on.
    kWrong,     // Not of that shape. Stands at what is wrong.
    kTooLarge,  // A string says that it is larger than `largest_string`. Stands at it.
  };

  explicit RdbExtent(size_t largest_string) : largest_string_(largest_string) {}

  // A part begins. `shape` outlives it.
  void begin(std::string_view shape);
  // `bytes`: the part from its beginning on, as far as it has come, and what is behind it. Goes on where it stood.
  Result advance(std::string_view bytes);
  // How far it has come; after kWhole the part's size.
  size_t position() const { return position_; }

 private:
  struct Repeat {
    size_t body;    // In the shape.
    uint64_t left;  // Times, the one that is under way included.
  };

  Result take(char element, std::string_view bytes);
  Result take_module_part(std::string_view bytes);
  Result take_string(std::string_view bytes);
  Result take_bytes(uint64_t size, std::string_view bytes);
  Result enter_repeat(std::string_view bytes);
  void leave_repeat();

  const size_t largest_string_;
  std::string_view shape_;
  size_t step_ = 0;      // In the shape: what comes next.
  size_t position_ = 0;  // In the part.
  std::vector<Repeat> repeats_;
  char module_part_ = 0;  // What comes next within m; 0: what kind it is.
};

}  // namespace starling::server
