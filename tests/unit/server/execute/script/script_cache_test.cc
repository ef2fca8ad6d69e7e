#include "server/execute/script/script_cache.h"

#include <doctest/doctest.h>

#include "server/execute/script/loop_scripts.h"
#include "server/execute/script/script_text.h"

namespace starling::server {
namespace {

std::shared_ptr<const Script> script_of(const std::string& text) {
  const Sha1 sha = sha1_of(text);
  return std::make_shared<Script>(Script{sha, to_hex(sha), text, 0, 0});
}

}  // namespace

TEST_CASE("script cache: the scripts of EVAL that were used last stay, those of SCRIPT LOAD all") {
  ScriptCache cache;
  (void)cache.add(script_of("loaded"), ScriptCache::From::kLoad);
  (void)cache.add(script_of("first"), ScriptCache::From::kEval);
  (void)cache.add(script_of("second"), ScriptCache::From::kEval);
  (void)cache.add(script_of("first"), ScriptCache::From::kEval);
  for (size_t i = 0; i + 2 < ScriptCache::kEvalScripts; ++i)
    (void)cache.add(script_of(std::to_string(i)), ScriptCache::From::kEval);
  const uint64_t generation = cache.generation();
  cache.touch(sha1_of("first"));
  (void)cache.add(script_of("one more"), ScriptCache::From::kEval);
  CHECK(cache.generation() != generation);
  CHECK(cache.find(sha1_of("loaded")) != nullptr);
  CHECK(cache.find(sha1_of("first")) != nullptr);
  CHECK(cache.find(sha1_of("second")) == nullptr);
  CHECK(cache.count() == ScriptCache::kEvalScripts + 1);
  cache.flush();
  CHECK(cache.count() == 0);
  CHECK(cache.bytes() == 0);
}

TEST_CASE("script cache: what one loop brings, another finds; what is flushed, none") {
  ScriptCache cache;
  MemoryMeter meter;
  LoopScripts here(cache, meter, "7.0.15"), there(cache, meter, "7.0.15");
  std::string error;
  const LoopScripts::Compiled* compiled = here.add("return 1", ScriptCache::From::kEval, &error);
  REQUIRE(compiled != nullptr);
  const Sha1 sha = compiled->script->sha;
  CHECK(there.find(sha, &error) != nullptr);
  cache.flush();
  CHECK(there.find(sha, &error) == nullptr);
  CHECK(here.find(sha, &error) == nullptr);
  CHECK(error.empty());
  CHECK(here.add("return (", ScriptCache::From::kEval, &error) == nullptr);
  CHECK(error.starts_with("ERR Error compiling script"));
  CHECK(cache.count() == 0);
}

TEST_CASE("script text: the shebang") {
  const auto read = [](std::string_view text) {
    uint32_t flags = 0;
    size_t from = 0;
    const std::string error = read_shebang(text, &flags, &from);
    return error.empty() ? std::to_string(flags) + "@" + std::to_string(from) : error;
  };
  CHECK(read("return 1") == std::to_string(kScriptOldKind) + "@0");
  CHECK(read("#!lua\nreturn 1") == "0@5");
  CHECK(read("#!lua flags=no-writes,allow-oom \nx") ==
        std::to_string(kScriptNoWrites | kScriptAllowOom) + "@32");
  CHECK(read("#!lua flags=\nx") == "0@12");
  CHECK(read("#!lua flags=what\nx") == "ERR Unexpected flag in script shebang: what");
  CHECK(read("#!lua foo=1\nx") == "ERR Unknown lua shebang option: foo=1");
  CHECK(read("#!js\nx") == "ERR Unexpected engine in script shebang: #!js");
  CHECK(read("#!lua") == "ERR Invalid script shebang");
}

}  // namespace starling::server
