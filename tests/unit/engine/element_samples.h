// Types of collections at random, and names and values that their elements can have.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/byte_codec.h"
#include "engine/base/types.h"
#include "engine/record/list_position.h"
#include "engine/record/score.h"
#include "engine/record/stream_part.h"

namespace starling::engine {

// `below`: below(n) answers a random number below n.
Type random_collection_type(auto&& below) {
  return static_cast<Type>(static_cast<int>(Type::kHash) + static_cast<int>(below(5)));
}

// One for each number.
inline std::string sample_name(Type type, uint64_t number) {
  if (type == Type::kStream) return entry_name({1000 + number, 0});
  if (type != Type::kList) return "f" + std::to_string(number);
  const ListEnd end = number % 2 == 0 ? ListEnd::kBack : ListEnd::kFront;
  return pushed_position(end, {1000 + number / 4, 7}, static_cast<uint32_t>(number / 2 % 2));
}

// `text` is what the value is where it may be any.
std::string sample_value(Type type, std::string text, auto&& below) {
  if (type == Type::kSet) return "";
  if (type == Type::kStream) {
    std::string entry = begin_entry(IdGivenBy::kNode);
    append_string("field", &entry);
    append_string(text, &entry);
    return entry;
  }
  return type == Type::kSortedSet ? encode_score(static_cast<double>(below(10))) : text;
}

}  // namespace starling::engine
