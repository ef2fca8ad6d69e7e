#include "histories/nemesis_plan.h"

#include <algorithm>
#include <random>

namespace starling::histories {
namespace {

constexpr int64_t kHourMs = 3'600'000;

std::string node_name(int node) {
  return "node " + std::to_string(node + 1);
}

}  // namespace

std::vector<Step> plan(const Mix& mix, int nodes, Time length, uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto below = [&](int64_t end) { return static_cast<int64_t>(random() % static_cast<uint64_t>(end)); };
  const int loser = mix.victim >= 0 ? mix.victim : static_cast<int>(below(nodes));
  std::vector<Step> steps;
  if (mix.steady_skew_ms != 0) steps.push_back({0, length, Fault::kSkew, 0, 0, mix.steady_skew_ms});
  int64_t all = 0;
  for (const auto& [fault, share] : mix.faults) all += share;
  for (Time at = below(2 * mix.pause); all > 0 && at < length; at += below(2 * mix.pause)) {
    Step step;
    step.at = at;
    step.lasts = std::min(length - at, mix.lasts / 4 + below(2 * mix.lasts));
    int64_t drawn = below(all);
    for (const auto& [fault, share] : mix.faults) {
      if (drawn >= 0 && drawn < share) step.fault = fault;
      drawn -= share;
    }
    step.one = mix.victim >= 0 ? mix.victim : static_cast<int>(below(nodes));
    step.other = static_cast<int>((step.one + 1 + below(std::max(1, nodes - 1))) % nodes);
    switch (step.fault) {
      case Fault::kSplit:
        step.one = static_cast<int>(1 + below((1 << nodes) - 2));
        break;
      case Fault::kSkew:
        step.milliseconds = below(2) ? mix.skew_ms : -mix.skew_ms;
        break;
      case Fault::kJump:
        step.milliseconds = kHourMs;
        step.lasts = std::min(step.lasts, 3 * kSecond);
        break;
      case Fault::kLoseDisk:
        step.one = loser;
        break;
      case Fault::kKillAll:
        step.lasts = std::min(step.lasts, kSecond);
        break;
      default:
        break;
    }
    steps.push_back(step);
  }
  return steps;
}

std::string describe(const Step& step) {
  const std::string one = node_name(step.one), other = node_name(step.other);
  switch (step.fault) {
    case Fault::kCutLink:
      return "the link between " + one + " and " + other + " is cut";
    case Fault::kCutOneWay:
      return "what " + one + " sends to " + other + " is lost";
    case Fault::kIsolate:
      return one + " is cut off";
    case Fault::kSplit: {
      std::string side;
      for (int node = 0; step.one >> node != 0; ++node) {
        if (step.one >> node & 1) side += (side.empty() ? "" : ", ") + std::to_string(node + 1);
      }
      return "nodes " + side + " are cut off from the others";
    }
    case Fault::kReset:
      return "connections of " + one + " are reset";
    case Fault::kKill:
      return one + " is killed";
    case Fault::kKillAll:
      return "all nodes are killed";
    case Fault::kStop:
      return one + " is stopped";
    case Fault::kSkew:
    case Fault::kJump:
      return "the clock of " + one + " moves by " + std::to_string(step.milliseconds) + " ms";
    case Fault::kLoseDisk:
      return one + " is killed and loses its disk";
  }
  return "";
}

}  // namespace starling::histories
