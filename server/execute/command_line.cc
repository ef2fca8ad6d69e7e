#include "server/execute/command_line.h"

#include "server/commands/families.h"
#include "server/config/setting_spec.h"
#include "server/process/build_facts.h"

namespace starling::server {
namespace {

constexpr std::string_view kUsage =
    "Usage: starling-server [file | -] [--setting value ...]...\n"
    "\n"
    "  file            configuration in redis.conf's syntax; - reads it from standard input\n"
    "  --setting value any setting of the file; wins over it\n"
    "  --print-config  prints every setting with its default and why, as a file\n"
    "  --list-commands prints the commands, each with how it differs from Redis's and\n"
    "                  whether it may keep its loop's other clients waiting\n"
    "  -v, --version   prints the version, the commit and the kind of build\n"
    "  -h, --help      prints this\n"
    "\n"
    "Examples:\n"
    "  starling-server\n"
    "  starling-server conf/starling.conf --port 7000 --dir /var/lib/starling\n"
    "  starling-server --storage memory --maxmemory 1gb --maxmemory-policy allkeys-lru\n";

void append_command(const CommandSpec& spec, const std::string& container, std::string* out) {
  const std::string name = container + std::string(spec.name);
  *out += name + "\t" + std::string(spec.difference) + "\t" +
          (spec.docs.work == Work::kHoldsLoop ? "holds its loop" : "") + "\n";
  for (const CommandSpec& subcommand : spec.subcommands) append_command(subcommand, name + " ", out);
}

std::string listed_commands() {
  std::string out;
  for (const auto& family : all_families()) {
    for (const CommandSpec& spec : family) append_command(spec, "", &out);
  }
  return out;
}

std::string version_line() {
  const BuildFacts& facts = build_facts();
  std::string line = "Starling server v=" + std::string(facts.version);
  if (!facts.commit.empty())
    line += " commit=" + std::string(facts.commit) + (facts.changed ? "+changes" : "");
  return line + " build=" + std::string(facts.build_type) + " redis=" + std::string(kRedisVersion) + "\n";
}

}  // namespace

std::optional<std::string> answer_without_server(std::span<const std::string> arguments) {
  if (arguments.size() != 1) return std::nullopt;
  const std::string& argument = arguments.front();
  if (argument == "-h" || argument == "--help") return std::string(kUsage);
  if (argument == "--print-config") return reference_configuration();
  if (argument == "--list-commands") return listed_commands();
  if (argument == "-v" || argument == "--version") {
    return version_line();
  }
  return std::nullopt;
}

}  // namespace starling::server
