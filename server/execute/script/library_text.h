// What the text of a library of functions says of itself in its first line.
//
//   text   := "#!" engine (SP+ "name=" name)* LF lua       engine is "lua"; one name; words may be quoted
//   name   := (letter | digit | "_")+                      also of functions
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace starling::server {

inline constexpr std::string_view kLibraryNameError =
    "Library names can only contain letters, numbers, or underscores(_) and must be at least one character "
    "long";

bool is_library_name(std::string_view name);
// In lower case, as the names of functions are compared.
std::string folded(std::string_view name);
// `lua_from`: where the program begins, at the first line's end. Returns the error; empty: there is none.
[[nodiscard]] std::string read_library_header(std::string_view text, std::string* name, size_t* lua_from);

}  // namespace starling::server
