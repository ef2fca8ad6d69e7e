#include "histories/nemesis.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "histories/client.h"

namespace starling::histories {
void Nemesis::say(const std::string& what) {
  events_.push_back({now(), what});
}

template <typename Action>
void Nemesis::each_cut(const Step& step, Action action) {
  const auto both = [&](int a, int b) {
    action(a, b);
    action(b, a);
  };
  switch (step.fault) {
    case Fault::kCutLink:
      return both(step.one, step.other);
    case Fault::kCutOneWay:
      return action(step.one, step.other);
    case Fault::kIsolate:
      for (int node = 0; node < cluster_.size(); ++node) {
        if (node != step.one) both(node, step.one);
      }
      return;
    case Fault::kSplit:
      for (int a = 0; a < cluster_.size(); ++a) {
        for (int b = 0; b < a; ++b) {
          if ((step.one >> a & 1) != (step.one >> b & 1)) both(a, b);
        }
      }
      return;
    default:
      return;
  }
}

void Nemesis::begin(const Step& step) {
  say(describe(step));
  each_cut(step, [&](int from, int to) { network_.cut(from, to); });
  switch (step.fault) {
    case Fault::kReset:
      return network_.reset(step.one, kBusPort);
    case Fault::kKill:
    case Fault::kLoseDisk:
      cluster_.node(step.one).kill();
      if (step.fault == Fault::kLoseDisk) cluster_.node(step.one).lose_disk();
      return;
    case Fault::kKillAll:
      for (int node = 0; node < cluster_.size(); ++node) cluster_.node(node).kill();
      return;
    case Fault::kStop:
      return cluster_.node(step.one).stop();
    case Fault::kSkew:
    case Fault::kJump:
      return cluster_.node(step.one).move_clock(step.milliseconds);
    default:
      return;
  }
}

void Nemesis::end(const Step& step) {
  if (step.fault != Fault::kReset) say("no more: " + describe(step));
  each_cut(step, [&](int from, int to) { network_.heal(from, to); });
  switch (step.fault) {
    case Fault::kKill:
    case Fault::kLoseDisk:
      return cluster_.node(step.one).restart();
    case Fault::kKillAll:
      for (int node = 0; node < cluster_.size(); ++node) cluster_.node(node).restart();
      return;
    case Fault::kStop:
      return cluster_.node(step.one).resume();
    case Fault::kSkew:
    case Fault::kJump:
      return cluster_.node(step.one).move_clock(-step.milliseconds);
    default:
      return;
  }
}

void Nemesis::run(const std::vector<Step>& steps, Time length) {
  struct Deed {
    Time at;
    const Step* step;
    bool begins;
  };
  std::vector<Deed> deeds;
  for (const Step& step : steps) {
    deeds.push_back({step.at, &step, true});
    deeds.push_back({step.at + step.lasts, &step, false});
  }
  std::stable_sort(deeds.begin(), deeds.end(), [](const Deed& a, const Deed& b) { return a.at < b.at; });
  const Time start = now();
  const auto wait_until = [&](Time at) {
    const Time left = start + at - now();
    if (left > 0) std::this_thread::sleep_for(std::chrono::microseconds(left));
  };
  for (const Deed& deed : deeds) {
    wait_until(deed.at);
    deed.begins ? begin(*deed.step) : end(*deed.step);
  }
  wait_until(length);
}

}  // namespace starling::histories
