#include "server/execute/script/library_text.h"

#include <doctest/doctest.h>

#include <string>

#include "server/commands/scripting/function_payload.h"

namespace starling::server {
namespace {

std::string error_of(std::string_view text) {
  std::string name;
  size_t lua_from = 0;
  return read_library_header(text, &name, &lua_from);
}

}  // namespace

TEST_CASE("a library's first line names it, and its program begins at the line's end") {
  for (const std::string line : {"#!lua name=lib_1", "#!LUA Name=lib_1", "#!lua \"name=lib_1\" "}) {
    std::string name;
    size_t lua_from = 0;
    CHECK(read_library_header(line + "\nreturn", &name, &lua_from).empty());
    CHECK(name == "lib_1");
    CHECK(lua_from == line.size());
  }
}

TEST_CASE("what is no first line gets Redis's errors") {
  CHECK(error_of("x") == "ERR Missing library metadata");
  CHECK(error_of("#!lua name=a") == "ERR Invalid library metadata");
  CHECK(error_of("#!lua name=\"a\n") == "ERR Invalid library metadata");
  CHECK(error_of("#!lua\n") == "ERR Library name was not given");
  CHECK(error_of("#!lua a=b\n") == "ERR Invalid metadata value given: a=b");
  CHECK(error_of("#!lua name=a name=a\n") ==
        "ERR Invalid metadata value, name argument was given multiple times");
  CHECK(error_of("#!js name=a\n") == "ERR Engine 'js' not found");
  for (const char* bad : {"#!lua name=\n", "#!lua name=a-b\n", "#!lua name=\xc3\xa9\n"})
    CHECK(error_of(bad) == "ERR " + std::string(kLibraryNameError));
}

TEST_CASE("libraries in the form of FUNCTION DUMP come back, and nothing else is taken for them") {
  const std::string texts[] = {"#!lua name=a\n1", std::string(70'000, 'x'), "12"};
  const std::string payload = scripting::encode_function_payload({texts[0], texts[1], texts[2]});
  std::vector<std::string> decoded;
  REQUIRE(scripting::decode_function_payload(payload, &decoded).empty());
  CHECK(decoded == std::vector<std::string>(std::begin(texts), std::end(texts)));
  for (size_t at : {size_t{0}, payload.size() / 2, payload.size() - 1}) {
    std::string damaged = payload;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    CHECK(scripting::decode_function_payload(damaged, &decoded) ==
          "ERR DUMP payload version or checksum are wrong");
  }
  CHECK_FALSE(scripting::decode_function_payload("", &decoded).empty());
  decoded.clear();
  CHECK(scripting::decode_function_payload(scripting::encode_function_payload({}), &decoded).empty());
  CHECK(decoded.empty());
}

}  // namespace starling::server
