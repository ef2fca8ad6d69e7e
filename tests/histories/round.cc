// One round: start, let clients and the nemesis loose, heal, look, check.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <thread>

#include "histories/scenario.h"
#include "histories/workload/workload.h"

namespace starling::histories {
namespace {

// Generous: the machine may be slow, and busy.
constexpr Time kStartLimit = 120 * kSecond;
constexpr Time kHealLimit = 60 * kSecond;
// Beyond the server's own timeout, for a reply of a node that runs.
constexpr Time kSlack = 9 * kSecond;
constexpr Time kPatience = kSlack + 2 * kSecond;
constexpr size_t kComplaints = 5;

class Round {
 public:
  Round(const Scenario& scenario, const Site& site, Network& network, const RoundOptions& options)
      : scenario_(scenario),
        options_(options),
        length_(options.length != 0 ? options.length : scenario.length),
        in_cluster_(scenario.in_cluster),
        cluster_(site, scenario.nodes, scenario.in_cluster, scenario.settings),
        nemesis_(network, cluster_),
        keeper_(cluster_, 0, options.seed, kPatience) {
    for (const std::string& name : scenario.workloads)
      workloads_.push_back(workloads().at(name)(Circumstances{scenario.ttl_margin}));
    for (int i = 1; i <= scenario.clients; ++i)
      clients_.push_back(
          std::make_unique<Client>(cluster_, i, options.seed * 1000 + static_cast<uint64_t>(i), kPatience));
  }

  size_t run() {
    const std::vector<Step> steps = plan(scenario_.mix, scenario_.nodes, length_, options_.seed);
    for (const Step& step : steps) {
      std::printf("  %6.2f s for %5.2f s: %s\n", static_cast<double>(step.at) / kSecond,
                  static_cast<double>(step.lasts) / kSecond, describe(step).c_str());
    }
    if (!wait_whole(now() + kStartLimit)) {
      complain("the cluster does not start");
      return report();
    }
    play(steps);
    if (!wait_whole(now() + kHealLimit)) complain("the cluster does not heal");
    const Time deadline = now() + kHealLimit;
    for (const auto& workload : workloads_) workload->finish(keeper_, deadline);
    for (int node = 0; node < cluster_.size(); ++node) {
      if (const auto how = cluster_.node(node).ended())
        complain("node " + std::to_string(node + 1) + " ended by itself, " + *how);
    }
    return report();
  }

 private:
  void play(const std::vector<Step>& steps) {
    std::atomic<bool> over = false;
    std::vector<std::thread> threads;
    for (const auto& client : clients_) {
      threads.emplace_back([&, client = client.get()] {
        while (!over) {
          workloads_[client->below(workloads_.size())]->step(*client);
          if (scenario_.think > 0) client->pause(0, 2 * scenario_.think);
        }
      });
    }
    nemesis_.run(steps, length_);
    over = true;
    for (std::thread& thread : threads) thread.join();
  }

  // Every node takes part, reaches all replicas, and has given others what they missed.
  bool wait_whole(Time deadline) {
    for (int node = 0; node < cluster_.size(); ++node) {
      const std::vector<Words> questions =
          in_cluster_ ? std::vector<Words>{{"CLUSTER", "INFO"},
                                           {"QUORUM", "EXEC", "R", "ALL", "--", "EXISTS", "nothing"}}
                      : std::vector<Words>{{"PING"}};
      int good = 0;
      while (good < 4) {
        const std::vector<Answer> answers = keeper_.pipeline(node, questions);
        const bool is_good =
            std::all_of(answers.begin(), answers.end(), [](const Answer& a) { return a.done(); }) &&
            (!in_cluster_ || whole(answers[0].reply.text));
        good = is_good ? good + 1 : 0;
        if (now() > deadline) {
          complain("node " + std::to_string(node + 1) + " is not well: " + answers.back().text);
          return false;
        }
        keeper_.pause(20'000, 50'000);
      }
    }
    return true;
  }

  static bool whole(const std::string& info) {
    return info.find("cluster_state:ok") != std::string::npos &&
           info.find("cluster_hints_waiting:0\r") != std::string::npos;
  }

  void complain(const std::string& what) { keeper_.complain(what); }

  size_t report() {
    History history;
    std::vector<std::string> complaints;
    uint64_t uncounted = 0;
    const auto take = [&](Client& client) {
      std::move(client.history.begin(), client.history.end(), std::back_inserter(history));
      complaints.insert(complaints.end(), client.complaints.begin(), client.complaints.end());
      uncounted += client.uncounted;
    };
    for (const auto& client : clients_) take(*client);
    take(keeper_);
    std::stable_sort(history.begin(), history.end(),
                     [](const Operation& a, const Operation& b) { return a.began < b.began; });
    size_t broken = complaints.size();
    for (size_t i = 0; i < complaints.size() && i < kComplaints; ++i)
      std::printf("  %s\n", complaints[i].c_str());
    if (complaints.size() > kComplaints)
      std::printf("  and %zu more like that\n", complaints.size() - kComplaints);
    for (const auto& workload : workloads_) {
      History own;
      const std::string prefix = workload->name() + ":";
      std::copy_if(history.begin(), history.end(), std::back_inserter(own),
                   [&](const Operation& operation) { return operation.key.starts_with(prefix); });
      size_t done = 0;
      for (const Operation& operation : own) done += operation.done();
      std::printf("  %s: %zu operations, %zu done\n", workload->name().c_str(), own.size(), done);
      broken += show(own, workload->check(own), workload->name());
      if (scenario_.undisturbed) broken += show(own, check_no_errors(own), workload->name() + ", errors");
    }
    broken += show(history, check_answers(history, kSlack + kSecond), "answers");
    if (uncounted > 0)
      std::printf("  %llu commands that are not noted one by one\n",
                  static_cast<unsigned long long>(uncounted));
    return broken;
  }

  size_t show(const History& history, const Violations& violations, const std::string& name) const {
    if (!violations.empty()) std::printf("  BROKEN %s: %zu times\n", name.c_str(), violations.size());
    for (size_t i = 0; i < violations.size() && i < options_.excerpts; ++i)
      std::printf("%s", excerpt(history, violations[i], nemesis_.events()).c_str());
    return violations.size();
  }

  const Scenario& scenario_;
  const RoundOptions options_;
  const Time length_;
  const bool in_cluster_;
  std::vector<std::unique_ptr<Workload>> workloads_;
  Cluster cluster_;
  Nemesis nemesis_;
  Client keeper_;
  std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace

size_t run_round(const Scenario& scenario, const Site& site, Network& network, const RoundOptions& options) {
  std::printf("%s, seed %llu: %s\n", scenario.name.c_str(), static_cast<unsigned long long>(options.seed),
              scenario.what.c_str());
  std::fflush(stdout);
  std::filesystem::remove_all(site.directory);
  std::filesystem::create_directories(site.directory);
  const size_t broken = Round(scenario, site, network, options).run();
  std::printf("%s, seed %llu: %s\n", scenario.name.c_str(), static_cast<unsigned long long>(options.seed),
              broken == 0 ? "good" : ("BROKEN " + std::to_string(broken) + " times").c_str());
  std::fflush(stdout);
  return broken;
}

}  // namespace starling::histories
