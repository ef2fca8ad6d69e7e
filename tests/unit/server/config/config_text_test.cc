#include "server/config/config_text.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <random>

#include "tests/unit/server/temporary_directory.h"

namespace starling::server {
namespace {

using Words = std::vector<std::string>;

engine::Status collect(std::string_view text, std::vector<ConfigLine>* lines) {
  return read_config_text("text", text, [&](const ConfigLine& line) {
    lines->push_back(line);
    return engine::Status();
  });
}

TEST_CASE("words: bare, quoted, escaped") {
  CHECK(*split_words("port 7000") == Words{"port", "7000"});
  CHECK(*split_words("  save \t 60   1  ") == Words{"save", "60", "1"});
  CHECK(*split_words("a \"b c\" 'd e'") == Words{"a", "b c", "d e"});
  CHECK(*split_words(R"(a "\x41\n\t\"\\" 'it\'s \n')") == Words{"a", "A\n\t\"\\", "it's \\n"});
  CHECK(*split_words("requirepass \"\"") == Words{"requirepass", ""});
  CHECK(split_words("   ")->empty());
}

TEST_CASE("words: unbalanced quotes are refused") {
  CHECK_FALSE(split_words("a \"b"));
  CHECK_FALSE(split_words("a 'b"));
  CHECK_FALSE(split_words("a \"b\"c"));
}

TEST_CASE("quoting any bytes and splitting again gives them back") {
  uint64_t seed = std::random_device()();
  if (const char* given = std::getenv("STARLING_SEED")) seed = std::strtoull(given, nullptr, 10);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2000; ++i) {
    std::string word(random() % 12, '\0');
    for (char& c : word) c = static_cast<char>(random() % 3 == 0 ? "\"'\\ #x"[random() % 6] : random());
    auto words = split_words("name " + quote_word(word));
    REQUIRE(words);
    REQUIRE(*words == Words{"name", word});
  }
  CHECK(quote_word("100mb") == "100mb");
  CHECK(quote_word("") == "\"\"");
}

TEST_CASE("lines carry their place; comments and blanks are skipped") {
  std::vector<ConfigLine> lines;
  REQUIRE(collect("# comment\n\n  port 7000\r\n   # indented\nsave 60 1", &lines).ok());
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].where == "text:3");
  CHECK(lines[0].text == "port 7000");
  CHECK(lines[1].where == "text:5");
  CHECK(lines[1].words == Words{"save", "60", "1"});
}

TEST_CASE("an unbalanced line names itself") {
  std::vector<ConfigLine> lines;
  engine::Status status = collect("port 1\nfoo \"bar\n", &lines);
  REQUIRE_FALSE(status.ok());
  CHECK(status.message() == "text:2: 'foo \"bar'\n  unbalanced quotes");
}

TEST_CASE("include reads another file in place, and a circle of them ends") {
  TemporaryDirectory directory;
  std::string inner = directory.write("inner.conf", "b 2\n");
  std::string outer = directory.write("outer.conf", "a 1\ninclude " + inner + "\nc 3\n");
  std::string names;
  auto visit = [&](const ConfigLine& line) {
    names += line.words[0];
    return engine::Status();
  };
  REQUIRE(read_config_file(outer, visit).ok());
  CHECK(names == "abc");

  std::string circle = directory.path() + "/circle.conf";
  directory.write("circle.conf", "include " + circle + "\n");
  engine::Status status = read_config_file(circle, visit);
  REQUIRE_FALSE(status.ok());
  CHECK(status.message().find("deep") != std::string::npos);

  status = read_config_file(directory.path() + "/absent.conf", visit);
  REQUIRE_FALSE(status.ok());
  CHECK(status.message().find("absent.conf: cannot open the configuration file: No such file") !=
        std::string::npos);
}

TEST_CASE("replacing a file keeps its mode and leaves nothing else behind") {
  TemporaryDirectory directory;
  std::string path = directory.write("a.conf", "old");
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  REQUIRE(replace_file(path, "new\n").ok());
  CHECK(directory.read("a.conf") == "new\n");
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0600);
  CHECK(std::distance(std::filesystem::directory_iterator(directory.path()), {}) == 1);

  CHECK_FALSE(replace_file(directory.path() + "/absent/a.conf", "x").ok());
}

}  // namespace
}  // namespace starling::server
