#include "histories/scenario.h"

namespace starling::histories {
namespace {

const std::vector<std::string> kRegisters{"registers", "fields", "members"};
// What a lock, a number or a chain promises: nobody has the same twice.
const std::vector<std::string> kUnique{"locks", "once", "increments", "updates", "chains"};
const std::vector<std::string> kAll{"registers",  "fields",  "members", "locks",  "once",
                                    "increments", "updates", "chains",  "expiry", "sums"};

Settings with(std::initializer_list<std::pair<std::string, std::string>> more) {
  Settings settings{{"quorum-timeout", "1000"}, {"io-threads", "2"}, {"loglevel", "verbose"}};
  settings.insert(settings.end(), more);
  return settings;
}

Scenario strict(std::string name, std::string what, std::vector<std::string> workloads) {
  Scenario scenario;
  scenario.name = std::move(name);
  scenario.what = std::move(what);
  scenario.workloads = std::move(workloads);
  scenario.settings = with({{"quorum-mode", "strict"}});
  return scenario;
}

std::vector<Scenario> make() {
  std::vector<Scenario> all;

  Scenario calm = strict("calm", "no fault at all", kAll);
  calm.in_short = 8 * kSecond;
  all.push_back(calm);

  Scenario late =
      strict("late-forward", "commands that failed must not run later (links cut for seconds)", kRegisters);
  late.mix.faults = {{Fault::kCutLink, 3}, {Fault::kCutOneWay, 1}};
  late.mix.lasts = 2 * kSecond;
  late.in_short = 8 * kSecond;
  all.push_back(late);

  Scenario locks = strict("cut-link-locks", "nobody gets what another one has, with links cut", kUnique);
  locks.mix.faults = {{Fault::kCutLink, 1}};
  locks.mix.lasts = 3 * kSecond;
  locks.mix.pause = 3 * kSecond;
  locks.in_short = 10 * kSecond;
  all.push_back(locks);

  Scenario skew = strict(
      "skew-set", "what was acknowledged later shows, with a link cut and a clock 20 s ahead", kRegisters);
  skew.mix.faults = {{Fault::kCutLink, 1}};
  skew.mix.lasts = 3 * kSecond;
  skew.mix.steady_skew_ms = 20'000;
  skew.in_short = 8 * kSecond;
  all.push_back(skew);

  Scenario jump =
      strict("clock-jump", "a clock that jumps by an hour for seconds: all keys can be used soon after",
             {"registers", "fields", "increments", "locks"});
  jump.mix.faults = {{Fault::kJump, 1}};
  jump.mix.pause = 4 * kSecond;
  all.push_back(jump);

  Scenario alone = jump;
  alone.name = "clock-jump-alone";
  alone.what = "the same in a cluster of one";
  alone.nodes = 1;
  // With nobody to ask, what lives until a time does not live on after it.
  alone.workloads = {"registers", "fields", "increments"};
  alone.settings = with({});
  all.push_back(alone);

  Scenario ttl = strict("ttl-skew", "a clock 30 s ahead changes no time to live by more than a second",
                        {"expiry", "locks"});
  ttl.mix.steady_skew_ms = 30'000;
  ttl.ttl_margin = kSecond;
  all.push_back(ttl);

  Scenario behind = ttl;
  behind.name = "ttl-skew-behind";
  behind.what = "the same with a clock 30 s behind, and others that move";
  behind.mix.steady_skew_ms = -30'000;
  behind.mix.faults = {{Fault::kSkew, 1}};
  all.push_back(behind);

  Scenario disk =
      strict("setnx-lost-disk",
             "what one got by SETNX nobody else gets, while one node is killed and loses its disk", kUnique);
  disk.mix.faults = {{Fault::kLoseDisk, 2}, {Fault::kKill, 2}, {Fault::kStop, 1}};
  disk.mix.victim = 1;
  disk.mix.lasts = kSecond;
  all.push_back(disk);

  Scenario always =
      strict("always-idle", "appendfsync always: each read of idle nodes is answered", {"idle"});
  always.settings = with({{"appendfsync", "always"}});
  always.length = 36 * kSecond;
  always.clients = 12;
  all.push_back(always);

  Scenario always_single = always;
  always_single.name = "always-idle-single";
  always_single.what = "the same on a node without a cluster";
  always_single.nodes = 1;
  always_single.in_cluster = false;
  always_single.settings = {{"appendfsync", "always"}};
  always_single.length = 18 * kSecond;
  always_single.in_short = 18 * kSecond;
  all.push_back(always_single);

  Scenario hot = strict("hot-set", "fifty clients that write to one set: nothing fails", {"hot-set"});
  hot.settings = with({});
  hot.clients = 50;
  hot.think = 0;
  hot.length = 10 * kSecond;
  hot.undisturbed = true;
  all.push_back(hot);
  hot.name = "hot-hash";
  hot.what = "fifty clients that write to one hash: nothing fails";
  hot.workloads = {"hot-hash"};
  all.push_back(hot);

  Scenario kill = strict("kill", "kill -9 and restarts, one or all", kAll);
  kill.mix.faults = {{Fault::kKill, 4}, {Fault::kKillAll, 1}};
  kill.mix.lasts = kSecond;
  all.push_back(kill);

  Scenario stop = strict("stop", "processes that stop and go on", kAll);
  stop.mix.faults = {{Fault::kStop, 1}};
  all.push_back(stop);

  Scenario split = strict("split", "splits, nodes cut off, and connections that break", kAll);
  split.mix.faults = {{Fault::kSplit, 2}, {Fault::kIsolate, 2}, {Fault::kReset, 2}};
  all.push_back(split);

  Scenario sloppy;
  sloppy.name = "sloppy";
  sloppy.what =
      "sloppy quorums on five nodes: nothing acknowledged is lost, nothing that was replaced is back";
  sloppy.nodes = 5;
  sloppy.settings = with({});
  sloppy.workloads = {"siblings", "sums"};
  sloppy.mix.faults = {
      {Fault::kSplit, 3}, {Fault::kIsolate, 1}, {Fault::kCutLink, 1}, {Fault::kKill, 1}, {Fault::kStop, 1}};
  sloppy.in_short = 10 * kSecond;
  all.push_back(sloppy);

  Scenario crossed = strict("crossed", "all faults but lost disks, over each other", kAll);
  crossed.mix.faults = {{Fault::kCutLink, 3}, {Fault::kCutOneWay, 2}, {Fault::kIsolate, 2},
                        {Fault::kSplit, 1},   {Fault::kReset, 1},     {Fault::kKill, 2},
                        {Fault::kKillAll, 1}, {Fault::kStop, 2},      {Fault::kSkew, 1},
                        {Fault::kJump, 1}};
  crossed.mix.pause = kSecond;
  crossed.ttl_margin = kSecond;
  crossed.length = 40 * kSecond;
  all.push_back(crossed);

  Scenario disks = crossed;
  disks.name = "crossed-disks";
  disks.what = "all faults and one node's lost disks, over each other";
  disks.mix.faults.emplace_back(Fault::kLoseDisk, 2);
  all.push_back(disks);
  return all;
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = make();
  return all;
}

const Scenario* find_scenario(const std::string& name) {
  for (const Scenario& scenario : scenarios()) {
    if (scenario.name == name) return &scenario;
  }
  return nullptr;
}

}  // namespace starling::histories
