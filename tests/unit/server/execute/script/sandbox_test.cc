// What scripts must not reach, and what one must not leave to the next. The escapes of Redis's own history are among
// them, by their numbers.
#include <doctest/doctest.h>

#include "tests/unit/server/execute/script/script_fixture.h"

namespace starling::server {
namespace {

constexpr const char* kReadOnly = "Attempt to modify a readonly table";

bool fails_with(ScriptFixture& script, const char* text, const char* error) {
  const std::string reply = script.eval(text);
  INFO(text << " -> " << reply);
  CHECK(reply.starts_with("-"));
  CHECK(reply.find(error) != std::string::npos);
  return true;
}

}  // namespace

TEST_CASE("sandbox: nothing reaches files, processes, code or the interpreter (CVE-2022-0543)") {
  ScriptFixture script;
  for (const char* name : {"os", "io", "package", "require", "module", "debug", "dofile", "loadfile", "print",
                           "newproxy", "getfenv", "setfenv", "ffi", "jit", "luaopen_io"}) {
    const std::string text = "return " + std::string(name);
    CAPTURE(name);
    fails_with(script, text.c_str(), "nonexistent global variable");
  }
  CHECK(script.eval("return tostring(string.dump)") == "$3\r\nnil\r\n");
  // What is precompiled is a program with an error, whatever brings it.
  CHECK(script.eval("return select(2, loadstring('\\27Lua'))").find("unexpected symbol") !=
        std::string::npos);
  CHECK(
      script.eval("local n = 0 return select(2, load(function() n = n + 1 return ({'\\27', 'Lua'})[n] end))")
          .find("unexpected symbol") != std::string::npos);
  CHECK(script.eval("\033Lua").find("unexpected symbol") != std::string::npos);
}

TEST_CASE("sandbox: what scripts share cannot be changed (CVE-2025-46818)") {
  ScriptFixture script;
  for (const char* text :
       {"x = 1", "redis.call = nil", "string.upper = nil", "_G.x = 1", "rawset(_G, 'x', 1)",
        "rawset(string, 'x', 1)", "table.insert(redis, 1)", "table.remove(table, 1)", "setmetatable(_G, {})",
        "setmetatable(math, nil)", "getmetatable('').__index = nil", "getmetatable('').__index.upper = nil",
        "rawset(getmetatable(''), 'x', 1)", "function string.trim() end",
        "local _, t = pairs(redis) t.call = nil", "('').x.y = 1; ('').upper = nil", "cjson.null = 1",
        "server.call = nil", "_G._G._G.redis = 1"}) {
    CAPTURE(text);
    const std::string reply = script.eval(text);
    CHECK(reply.starts_with("-"));
  }
  fails_with(script, "rawset(_G, 'redis', 1)", kReadOnly);
  fails_with(script, "x = 1", kReadOnly);
  CHECK(script.eval("return ('x'):upper()") == "$1\r\nX\r\n");
  // setmetatable() of a string has no effect on others.
  CHECK(script.eval("return tostring(getmetatable(redis))") == "$5\r\nfalse\r\n");
}

TEST_CASE("sandbox: what is shared can be looked at") {
  ScriptFixture script;
  CHECK(
      script.eval("local n = 0 for k, v in pairs(math) do if k == 'pi' then n = v end end return tostring(n)")
          .starts_with("$15\r\n3.14"));
  CHECK(script.eval("return type(next(redis))") == "$6\r\nstring\r\n");
  CHECK(script.eval("return type(rawget(_G, 'redis'))") == "$5\r\ntable\r\n");
  CHECK(script.eval("return tostring(rawget(_G, 'nosuch'))") == "$3\r\nnil\r\n");
  CHECK(script.eval("return tostring(_G._G == _G) .. tostring(server == redis)") == "$8\r\ntruetrue\r\n");
  CHECK(script.eval("return tostring(getmetatable('').__index == string)") == "$4\r\ntrue\r\n");
}

TEST_CASE("sandbox: unpack() counts what it returns (CVE-2025-46817)") {
  ScriptFixture script;
  for (const char* range : {"-2147483648, 2147483647", "-2147483648, -1", "0, 2147483647", "1, 1e8",
                            "2147483647, -2147483648", "2147483640, 2147483647", "-2147483648, 0"}) {
    const std::string text = "return select('#', unpack({}, " + std::string(range) + "))";
    CAPTURE(range);
    const std::string reply = script.eval(text);
    CHECK((reply == ":0\r\n" || reply == ":8\r\n" || reply.find("too many results") != std::string::npos));
  }
  CHECK(script.eval("return {unpack({1, 2, 3}, 2, 3)}") == "*2\r\n:2\r\n:3\r\n");
}

TEST_CASE("sandbox: a chunk's name lives while it is parsed (CVE-2025-49844)") {
  ScriptFixture script;
  // The name is made anew, nothing else holds it, and parsing makes enough garbage for several collections.
  CHECK(script.eval(
            "local body = {} for i = 1, 3000 do body[i] = 'local v' .. i % 100 .. ' = \"' .. i .. '\" ' end\n"
            "local text = 'do ' .. table.concat(body, 'end do ') .. 'end return 7'\n"
            "local sum = 0 for i = 1, 40 do sum = sum + loadstring(text, 'name' .. i .. '\\0tail')() end\n"
            "return sum") == ":280\r\n");
  CHECK(
      script.eval(
          "local n = 0 local f = load(function() n = n + 1 collectgarbage()\n"
          "if n < 50 then return 'local a' .. n .. ' = {} ' elseif n == 50 then return 'return 9' end end,\n"
          "'piece' .. '\\0' .. 'x') return f()") == ":9\r\n");
}

TEST_CASE("sandbox: long brackets that never end (CVE-2025-46819)") {
  ScriptFixture script;
  CHECK(script.eval("return loadstring('return [' .. string.rep('=', 1e6))") == "$-1\r\n");
  CHECK(script.eval("return loadstring('--[' .. string.rep('=', 1e6) .. '[')") == "$-1\r\n");
  CHECK(script.eval("return loadstring('[' .. string.rep('=', 1e6) .. ']')") == "$-1\r\n");
}

TEST_CASE("sandbox: sizes in libraries do not wrap around (CVE-2022-24834, CVE-2024-31449)") {
  ScriptFixture script;
  CHECK(script.eval("return bit.tohex(1, -2147483648)") == "$8\r\n00000001\r\n");
  CHECK(script.eval("return bit.tohex(255, 2147483647)") == "$8\r\n000000ff\r\n");
  fails_with(script, "return struct.pack('I2147483647', 1)", "larger than limit");
  fails_with(script, "return struct.pack('c99999999999', 'x')", "overflow");
  fails_with(script, "return struct.unpack('c2147483647', 'x')", "too short");
  fails_with(script, "return struct.unpack('dc0', struct.pack('d', -1))", "too short");
  fails_with(script, "return struct.unpack('i4', 'abcd', 2147483647)", "too short");
  fails_with(script, "return cmsgpack.unpack('\\219\\255\\255\\255\\255x')", "Missing bytes");
  fails_with(script, "return cmsgpack.unpack_limit('\\1', 1, 2147483647)", "greater than input");
  fails_with(
      script,
      "local s = string.rep('\\1', 1e6) local t = {} for i = 1, 200 do t[i] = s end return cjson.encode(t)",
      "");
  fails_with(script, "return ('x'):rep(-1 + 2^31)", "not enough memory");
}

TEST_CASE("sandbox: a script leaves nothing to the next") {
  ScriptFixture script;
  (void)script.eval("cjson.encode_number_precision(3) cjson.encode_sparse_array(true) redis.setresp(3)");
  CHECK(script.eval("return cjson.encode(3.14159)") == "$7\r\n3.14159\r\n");
  CHECK(script.eval("return false") == "$-1\r\n");
  (void)script.eval("collectgarbage('stop') collectgarbage('setpause', 1e6)");
  (void)script.eval("KEYS.x = 1 ARGV = nil", {"k"});
  CHECK(script.eval("return tostring(KEYS.x) .. #ARGV", {"k"}) == "$4\r\nnil0\r\n");
  const int64_t before = script.meter.bytes();
  for (int i = 0; i < 200; ++i) (void)script.eval("local t = {} for i = 1, 1000 do t[i] = {} end");
  CHECK(script.meter.bytes() < before + (int64_t{4} << 20));
}

}  // namespace starling::server
