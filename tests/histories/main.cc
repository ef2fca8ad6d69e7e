// starling-histories: see README.md.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <random>
#include <string>

#include "histories/client.h"
#include "histories/scenario.h"

namespace starling::histories {
namespace {

constexpr int kSkipped = 77;
constexpr int kMostNodes = 5;

struct Options {
  std::string scenario = "all", server, shim, directory;
  uint64_t seed = 0;
  Time seconds = 0, length = 0;
  int rounds = 0;
  size_t excerpts = 3;
  bool is_short = false, keep = false, list = false;
};

[[noreturn]] void usage() {
  std::printf(
      "starling-histories [--scenario NAME[,NAME...]|all] [--seed N] [--seconds N | --rounds N] [--length "
      "SECONDS]\n"
      "                   [--short] [--excerpts N] [--server PATH] [--shim PATH] [--directory PATH] [--keep] "
      "[--list]\n");
  std::exit(2);
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Options parse(int count, char** words) {
  Options options;
  options.server = variable("STARLING_SERVER");
  options.shim = variable("STARLING_CLOCK_SHIM");
  options.seed = std::random_device{}();
  if (!variable("STARLING_SEED").empty()) options.seed = std::stoull(variable("STARLING_SEED"));
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const auto next = [&]() -> std::string { return i + 1 < count ? words[++i] : (usage(), ""); };
    if (word == "--scenario")
      options.scenario = next();
    else if (word == "--seed")
      options.seed = std::stoull(next());
    else if (word == "--seconds")
      options.seconds = std::stoll(next()) * kSecond;
    else if (word == "--rounds")
      options.rounds = std::stoi(next());
    else if (word == "--length")
      options.length = std::stoll(next()) * kSecond;
    else if (word == "--excerpts")
      options.excerpts = std::stoull(next());
    else if (word == "--server")
      options.server = next();
    else if (word == "--shim")
      options.shim = next();
    else if (word == "--directory")
      options.directory = next();
    else if (word == "--short")
      options.is_short = true;
    else if (word == "--keep")
      options.keep = true;
    else if (word == "--list")
      options.list = true;
    else
      usage();
  }
  return options;
}

std::vector<const Scenario*> chosen(const Options& options) {
  std::vector<const Scenario*> all;
  if (options.is_short || options.scenario == "all") {
    for (const Scenario& scenario : scenarios()) {
      if (!options.is_short || scenario.in_short > 0) all.push_back(&scenario);
    }
    return all;
  }
  for (size_t from = 0; from <= options.scenario.size();) {
    const size_t comma = std::min(options.scenario.find(',', from), options.scenario.size());
    const std::string name = options.scenario.substr(from, comma - from);
    all.push_back(find_scenario(name));
    if (all.back() == nullptr) std::printf("no scenario %s; --list names them\n", name.c_str()), std::exit(2);
    from = comma + 1;
  }
  return all;
}

int run(const Options& options) {
  std::printf("seed %llu\n", static_cast<unsigned long long>(options.seed));
  const std::vector<const Scenario*> all = chosen(options);
  Network network(kMostNodes);
  const Site site{options.server, options.shim, options.directory};
  // Of each: rounds, and rounds that were bad, and promises broken.
  struct Tally {
    size_t rounds = 0, bad = 0, broken = 0;
  };
  std::map<std::string, Tally> tallies;
  size_t broken = 0;
  const Time start = now();
  const int rounds = options.seconds > 0  ? 0
                     : options.rounds > 0 ? options.rounds
                                          : static_cast<int>(all.size());
  for (int round = 0; options.seconds > 0 ? now() - start < options.seconds : round < rounds; ++round) {
    const Scenario& scenario = *all[static_cast<size_t>(round) % all.size()];
    RoundOptions round_options{options.seed + static_cast<uint64_t>(round), options.length, options.excerpts};
    if (options.is_short && options.length == 0) round_options.length = scenario.in_short;
    const size_t found = run_round(scenario, site, network, round_options);
    Tally& tally = tallies[scenario.name];
    ++tally.rounds;
    tally.bad += found > 0;
    tally.broken += found;
    broken += found;
  }
  std::printf("\n%-20s %7s %7s %7s\n", "scenario", "rounds", "bad", "broken");
  for (const auto& [name, tally] : tallies)
    std::printf("%-20s %7zu %7zu %7zu\n", name.c_str(), tally.rounds, tally.bad, tally.broken);
  return broken > 0 ? 1 : 0;
}

}  // namespace
}  // namespace starling::histories

int main(int count, char** words) {
  using namespace starling::histories;
  Options options = parse(count, words);
  if (options.list) {
    for (const Scenario& scenario : scenarios())
      std::printf("%-20s %s\n", scenario.name.c_str(), scenario.what.c_str());
    return 0;
  }
  if (options.server.empty() || options.shim.empty()) {
    std::fprintf(stderr, "set STARLING_SERVER and STARLING_CLOCK_SHIM, or give --server and --shim\n");
    return 2;
  }
  std::string why;
  if (!Network::enter(&why)) {
    std::printf("skipped: %s\n", why.c_str());
    return kSkipped;
  }
  char pattern[] = "/tmp/starling-histories-XXXXXX";
  const bool own = options.directory.empty();
  if (own) options.directory = ::mkdtemp(pattern);
  const int status = run(options);
  if (own && !options.keep) std::filesystem::remove_all(options.directory);
  if (options.keep) std::printf("the last round is in %s\n", options.directory.c_str());
  return status;
}
