#include <doctest/doctest.h>

#include "tests/unit/server/execute/script/script_fixture.h"

namespace starling::server {

TEST_CASE("scripts: Lua values become replies") {
  ScriptFixture script;
  CHECK(script.eval("return 3.99") == ":3\r\n");
  CHECK(script.eval("return 'a\\0b'") == std::string("$3\r\na\0b\r\n", 9));
  CHECK(script.eval("return true") == ":1\r\n");
  CHECK(script.eval("return false") == "$-1\r\n");
  CHECK(script.eval("return {1,{2,'x'},nil,4}") == "*2\r\n:1\r\n*2\r\n:2\r\n$1\r\nx\r\n");
  CHECK(script.eval("return {ok='fine\\r\\nmore'}") == "+fine  more\r\n");
  CHECK(script.eval("return {err='CODE text'}") == "-CODE text\r\n");
  CHECK(script.eval("return {map={a=1}}") == "*2\r\n$1\r\na\r\n:1\r\n");
  CHECK(script.eval("return 2^70") == ":-9223372036854775808\r\n");
  CHECK(script.eval("return function() end") == "$-1\r\n");
  CHECK(script.eval("return redis.sha1hex('abc')") == "$40\r\na9993e364706816aba3e25717850c26c9cd0d89d\r\n");
}

TEST_CASE("scripts: Lua values become RESP3's own types") {
  ScriptFixture script;
  script.protocol = 3;
  CHECK(script.eval("return false") == "_\r\n");
  CHECK(script.eval("redis.setresp(3) return false") == "#f\r\n");
  CHECK(script.eval("return {double=1.5}") == ",1.5\r\n");
  CHECK(script.eval("return {map={a=1}}") == "%1\r\n$1\r\na\r\n:1\r\n");
  CHECK(script.eval("return {set={a=true}}") == "~1\r\n$1\r\na\r\n");
  CHECK(script.eval("return {big_number='12\\n3'}") == "(12 3\r\n");
  CHECK(script.eval("return {verbatim_string={format='md',string='x'}}") == "=5\r\nmd :x\r\n");
}

TEST_CASE("scripts: replies become Lua values") {
  ScriptFixture script;
  script.replies = {{"int", ":-5\r\n"},
                    {"bulk", "$3\r\na\r\n\r\n"},
                    {"null", "$-1\r\n"},
                    {"nullarray", "*-1\r\n"},
                    {"status", "+OK\r\n"},
                    {"array", "*3\r\n:1\r\n$1\r\nx\r\n*1\r\n$-1\r\n"},
                    {"map", "%1\r\n$1\r\na\r\n:1\r\n"},
                    {"set", "~1\r\n$1\r\na\r\n"},
                    {"null3", "_\r\n"},
                    {"double", ",-inf\r\n"},
                    {"boolean", "#t\r\n"},
                    {"verbatim", "=5\r\ntxt:x\r\n"},
                    {"big", "(123\r\n"},
                    {"error", "-WRONGTYPE not so\r\n"}};
  CHECK(script.eval("return redis.call('int') + 1") == ":-4\r\n");
  CHECK(script.eval("return redis.call('bulk')") == "$3\r\na\r\n\r\n");
  CHECK(script.eval("return tostring(redis.call('null'))") == "$5\r\nfalse\r\n");
  CHECK(script.eval("return tostring(redis.call('nullarray'))") == "$5\r\nfalse\r\n");
  CHECK(script.eval("return redis.call('status').ok") == "$2\r\nOK\r\n");
  CHECK(script.eval("local r = redis.call('array') return {r[2], #r, tostring(r[3][1])}") ==
        "*3\r\n$1\r\nx\r\n:3\r\n$5\r\nfalse\r\n");
  CHECK(script.eval("return redis.call('map').map.a") == ":1\r\n");
  CHECK(script.eval("return redis.call('set').set.a") == ":1\r\n");
  CHECK(script.eval("return tostring(redis.call('null3'))") == "$3\r\nnil\r\n");
  CHECK(script.eval("return tostring(redis.call('double').double)") == "$4\r\n-inf\r\n");
  CHECK(script.eval("return redis.call('boolean')") == ":1\r\n");
  CHECK(script.eval("local v = redis.call('verbatim').verbatim_string return v.format .. v.string") ==
        "$4\r\ntxtx\r\n");
  CHECK(script.eval("return redis.call('big').big_number") == "$3\r\n123\r\n");
  CHECK(script.eval("return redis.pcall('error').err") == "$16\r\nWRONGTYPE not so\r\n");
}

TEST_CASE("scripts: what a command is called with") {
  ScriptFixture script;
  script.replies = {{"c", "+OK\r\n"}};
  (void)script.eval("redis.call('c', 1, 1.5, -0.0, 1e17, 3.3, math.huge, 'x', KEYS[1], ARGV[2])", {"k"},
                    {"a", "b"});
  CHECK(script.calls.at(0) ==
        std::vector<std::string>{"c", "1", "1.5", "-0", "1e+17", "3.2999999999999998", "inf", "x", "k", "b"});
  CHECK(script.eval("redis.call('c', {})")
            .starts_with("-ERR Lua redis lib command arguments must be strings or integers"));
  CHECK(script.eval("redis.call()").starts_with("-ERR Please specify at least one argument"));
  CHECK(script.calls.size() == 1);
}

TEST_CASE("scripts: errors say where they are from") {
  ScriptFixture script;
  script.replies = {{"error", "-WRONGTYPE not so\r\n"}};
  const std::string where = " script: " + std::string(ScriptFixture::kSha) + ", on @user_script:2.\r\n";
  CHECK(script.eval("\nreturn redis.call('error')") == "-WRONGTYPE not so" + where);
  CHECK(script.eval("\nerror('x')") == "-ERR user_script:2: x" + where);
  CHECK(script.eval("\nerror({err='MY x'})") == "-MY x" + where);
  CHECK(script.eval("\nerror({})") == "-ERR unknown error" + where);
  CHECK(script.eval("\nerror()") == "-ERR nil" + where);
  CHECK(script.eval("return select(2, pcall(error, {err='Q z'}))") == "$3\r\nQ z\r\n");
  CHECK(script.eval("x =") ==
        "-ERR Error compiling script (new function): user_script:1: unexpected symbol near '<eof>'\r\n");
}

TEST_CASE("scripts: a host that wants it stopped is not to be caught") {
  for (const char* text :
       {"while true do end", "while true do pcall(function() while true do end end) end",
        "local function f() local ok = pcall(f) while true do end end f()",
        "local co = coroutine.wrap(function() while true do pcall(coroutine.yield) end "
        "end) while true do pcall(co) end",
        "while true do pcall(redis.call, 'stop') end", "return pcall(redis.call, 'stop')",
        "xpcall(function() while true do end end, function() while true do end end)",
        "while true do xpcall(function() error('x') end, function() while true do end end) end",
        "table.sort({3, 2, 1}, function() while true do end end)",
        "string.gsub('abc', '.', function() while true do pcall(error) end end)",
        "setmetatable({}, {__index = function() while true do end end}).x = nil return setmetatable({}, "
        "{__index = "
        "function() while true do end end}).x"}) {
    CAPTURE(text);
    ScriptFixture script;
    script.most_looks = 20;
    CHECK(script.eval(text).empty());
    CHECK(script.outcome == Interpreter::Outcome::kStopped);
    script.most_looks = 1 << 30;
    CHECK(script.eval("return 1") == ":1\r\n");
  }
}

TEST_CASE("scripts: a host may say why it stops one") {
  ScriptFixture script;
  script.most_looks = 3;
  script.reason = "Killed";
  CHECK(script.eval("\n\nwhile true do pcall(function() while true do end end) end") ==
        "-ERR Killed script: " + std::string(ScriptFixture::kSha) + ", on @user_script:3.\r\n");
  script.looks = 0;
  CHECK(script.eval("return pcall(redis.call, 'stop')").starts_with("-ERR Killed"));
  CHECK(script.outcome == Interpreter::Outcome::kStopped);
}

TEST_CASE("scripts: memory is bounded, and comes back") {
  ScriptFixture script(int64_t{8} << 20);
  const int64_t before = script.meter.bytes();
  for (const char* text : {"local t = {} for i = 1, 1e9 do t[i] = 'x' .. i end",
                           "return string.rep('x', 1e9)", "local s = 'x' while true do s = s .. s end",
                           "local t = {} for i = 1, 1e8 do t[i] = function() return i end end"}) {
    CAPTURE(text);
    const std::string reply = script.eval(text);
    CHECK(reply.find("not enough memory") != std::string::npos);
    CHECK(script.meter.bytes() <= int64_t{8} << 20);
  }
  CHECK(script.eval("return 1") == ":1\r\n");
  CHECK(script.meter.bytes() < before + (int64_t{1} << 20));
}

TEST_CASE("scripts: deep values end in an error, not in the processor's stack") {
  ScriptFixture script;
  CHECK(script.eval("local t = {} t[1] = t return t").find("reached lua stack limit") != std::string::npos);
  CHECK(script.eval("local function f() return 1 + f() end return f()").find("stack overflow") !=
        std::string::npos);
  CHECK(script.eval("return cjson.decode(string.rep('[', 100000))").find("too many nested") !=
        std::string::npos);
  CHECK(script.eval("return cmsgpack.unpack(string.rep('\\145', 1000000))").starts_with("-ERR"));
  CHECK(script.eval("return string.find(string.rep('a', 1e5), string.rep('a?', 1e5))")
            .find("pattern too complex") != std::string::npos);
  CHECK(script.eval("return loadstring(string.rep('(', 1e5))") == "$-1\r\n");
}

}  // namespace starling::server
