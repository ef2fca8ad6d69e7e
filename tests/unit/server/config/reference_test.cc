// conf/starling.conf and the registry must say the same.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <set>

#include "server/config.h"
#include "server/config/config_text.h"
#include "server/config/setting_value.h"

namespace starling::server {
namespace {

const std::string kReference = std::string(STARLING_SOURCE_DIR) + "/conf/starling.conf";

TEST_CASE("conf/starling.conf is what --print-config prints") {
  std::ifstream file(kReference, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  // If not: starling-server --print-config > conf/starling.conf
  CHECK(text == reference_configuration());
}

TEST_CASE("conf/starling.conf names every setting and changes none") {
  Config defaults;
  Config from_file;
  const std::string defaults_arguments[] = {"--port", "6379"};
  const std::string file_arguments[] = {kReference};
  REQUIRE(defaults.load(defaults_arguments).ok());
  engine::Status status = from_file.load(file_arguments);
  REQUIRE_MESSAGE(status.ok(), status.message());
  const std::string_view all[] = {"*"};
  CHECK(from_file.get(all) == defaults.get(all));

  std::set<std::string> named;
  REQUIRE(read_config_file(kReference, [&](const ConfigLine& line) {
            named.insert(line.words[0]);
            return engine::Status();
          }).ok());
  for (const SettingSection& section : setting_sections()) {
    for (const SettingSpec& spec : section.settings)
      CHECK_MESSAGE(named.contains(std::string(spec.name)), spec.name);
  }
}

TEST_CASE("the registry is consistent") {
  std::set<std::string_view> names;
  for (const SettingSection& section : setting_sections()) {
    for (const SettingSpec& spec : section.settings) {
      CAPTURE(spec.name);
      CHECK(names.insert(spec.name).second);
      if (!spec.alias.empty()) CHECK(names.insert(spec.alias).second);
      CHECK_FALSE(spec.documentation.empty());
      CHECK((spec.kind == SettingKind::kChoice) == !spec.choices.empty());
      CHECK(spec.minimum <= spec.maximum);
      // Something reads it, or it says that nothing does.
      bool stored =
          !std::holds_alternative<std::monostate>(spec.field) || spec.kind == SettingKind::kOutputLimits;
      // Those are asked of Config when a leader is greeted (follower_host.cc).
      const bool asked_by_name =
          spec.name == "replicaof" || spec.name == "masteruser" || spec.name == "masterauth";
      CHECK((stored || asked_by_name) != ((spec.flags & kInert) != 0));
      // A refused name must not be a known one's: "replica-*" is the rest of them.
      CHECK(find_setting(spec.name) == &spec);
      // What rewrite would write parses to the same value.
      std::string canonical = default_value(spec);
      std::string again = spec.kind == SettingKind::kOutputLimits ? canonical : "";
      for (const std::string& line : setting_lines(spec, canonical)) {
        auto words = split_words(line);
        REQUIRE(words);
        REQUIRE(parse_setting(spec, std::span(*words).subspan(1), again, &again).ok());
      }
      CHECK(again == canonical);
    }
  }
}

}  // namespace
}  // namespace starling::server
