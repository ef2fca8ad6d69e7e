// Runs seeds. Exits 1 when a promise was broken, naming the seed.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/sim/simulation.h"

namespace {

using starling::sim::Figures;
using starling::sim::Mutation;
using starling::sim::Simulation;
using starling::sim::Verdict;

constexpr uint64_t kMutationSeeds = 400;
constexpr uint64_t kUsualSeeds = 300;

int usage() {
  std::printf(
      "starling-sim: the cluster's code under simulated time, network, clocks and disks.\n"
      "  --seed N       one run\n"
      "  --first N      where --seeds and --seconds begin (1)\n"
      "  --seeds N      so many runs (300)\n"
      "  --seconds S    no more runs than there is time for\n"
      "  --trace        tells what happens\n"
      "  --mutation M   with a promise broken on purpose\n"
      "  --mutations    each mutation, until it is noticed; fails if one is not\n"
      "  --ring         the membership changes in each run\n"
      "  --ring-mutations  the mutations of changes of the ring, and no others\n"
      "  --twice        each seed twice, to see that both runs are the same\n"
      "mutations:");
  for (const std::string_view name : starling::sim::kMutationNames)
    std::printf(" %s", std::string(name).c_str());
  std::printf("\n");
  return 2;
}

Verdict run_seed(uint64_t seed, Mutation mutation, bool trace, bool ring, Figures* total,
                 uint64_t* fingerprint) {
  Simulation simulation(seed, mutation, trace, ring);
  Verdict verdict = simulation.run();
  if (!verdict.good()) verdict.text += "\n  (" + simulation.mix().to_string() + ")";
  const Figures& figures = simulation.figures();
  total->operations += figures.operations;
  total->acknowledged += figures.acknowledged;
  total->events += figures.events;
  total->restarts += figures.restarts;
  total->messages += figures.messages;
  total->reaped += figures.reaped;
  total->repeated += figures.repeated;
  total->overruled += figures.overruled;
  total->refused += figures.refused;
  total->gaps += figures.gaps;
  total->differences += figures.differences;
  total->joined += figures.joined;
  total->left += figures.left;
  total->finished += figures.finished;
  total->aborted += figures.aborted;
  *fingerprint = simulation.fingerprint();
  return verdict;
}

int run_mutations(uint64_t first, bool ring) {
  int unnoticed = 0;
  for (size_t i = 1; i < static_cast<size_t>(Mutation::kCount); ++i) {
    if (starling::sim::of_ring(static_cast<Mutation>(i)) != ring) continue;
    const std::string name(starling::sim::kMutationNames[i]);
    bool noticed = false;
    for (uint64_t seed = first; seed < first + kMutationSeeds && !noticed; ++seed) {
      Figures figures;
      uint64_t fingerprint;
      const Verdict verdict = run_seed(seed, static_cast<Mutation>(i), false, ring, &figures, &fingerprint);
      if (verdict.good()) continue;
      noticed = true;
      std::printf("%s: noticed by seed %llu: %.100s\n", name.c_str(), static_cast<unsigned long long>(seed),
                  verdict.text.c_str());
    }
    if (!noticed)
      std::printf("%s: NOT NOTICED in %llu seeds\n", name.c_str(),
                  static_cast<unsigned long long>(kMutationSeeds));
    unnoticed += !noticed;
    std::fflush(stdout);
  }
  return unnoticed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t first = 1, seeds = 0;
  double seconds = 0;
  bool trace = false, mutations = false, ring_mutations = false, twice = false, ring = false;
  Mutation mutation = Mutation::kNone;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--trace") {
      trace = true;
    } else if (option == "--mutations") {
      mutations = true;
    } else if (option == "--ring-mutations") {
      ring_mutations = true;
    } else if (option == "--ring") {
      ring = true;
    } else if (option == "--twice") {
      twice = true;
    } else if (i + 1 == argc) {
      return usage();
    } else if (const char* value = argv[++i]; option == "--seed") {
      first = std::strtoull(value, nullptr, 10);
      seeds = 1;
    } else if (option == "--first") {
      first = std::strtoull(value, nullptr, 10);
    } else if (option == "--seeds") {
      seeds = std::strtoull(value, nullptr, 10);
    } else if (option == "--seconds") {
      seconds = std::strtod(value, nullptr);
    } else if (option == "--mutation") {
      mutation = Mutation::kCount;
      for (size_t m = 0; m < static_cast<size_t>(Mutation::kCount); ++m) {
        if (starling::sim::kMutationNames[m] == value) mutation = static_cast<Mutation>(m);
      }
      if (mutation == Mutation::kCount) return usage();
    } else {
      return usage();
    }
  }
  if (mutations || ring_mutations) return run_mutations(first, ring_mutations);
  if (seeds == 0) seeds = seconds == 0 ? kUsualSeeds : UINT64_MAX - first;

  const auto began = std::chrono::steady_clock::now();
  const auto spent = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  Figures total;
  uint64_t seed = first;
  int broken = 0;
  for (; seed < first + seeds && (seconds == 0 || spent() < seconds); ++seed) {
    uint64_t fingerprint = 0, again = 0;
    const Verdict verdict = run_seed(seed, mutation, trace, ring, &total, &fingerprint);
    if (!verdict.good()) {
      ++broken;
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), verdict.text.c_str());
      std::fflush(stdout);
    }
    if (!twice) continue;
    (void)run_seed(seed, mutation, false, ring, &total, &again);
    if (fingerprint == again) continue;
    ++broken;
    std::printf("seed %llu: two runs of it differ\n", static_cast<unsigned long long>(seed));
  }
  std::printf(
      "%llu seeds from %llu in %.1f s: %llu operations, %llu done, %llu starts of nodes, %llu messages, %llu "
      "events, %llu forwards repeated, %llu writes made again, %llu not agreed to, %llu gaps, %llu "
      "differences, "
      "%llu tombstones collected; %d seeds broke a promise\n",
      static_cast<unsigned long long>(seed - first), static_cast<unsigned long long>(first), spent(),
      static_cast<unsigned long long>(total.operations), static_cast<unsigned long long>(total.acknowledged),
      static_cast<unsigned long long>(total.restarts), static_cast<unsigned long long>(total.messages),
      static_cast<unsigned long long>(total.events), static_cast<unsigned long long>(total.repeated),
      static_cast<unsigned long long>(total.overruled), static_cast<unsigned long long>(total.refused),
      static_cast<unsigned long long>(total.gaps), static_cast<unsigned long long>(total.differences),
      static_cast<unsigned long long>(total.reaped), broken);
  if (ring) {
    std::printf("changes of the ring: %llu finished, %llu rolled back; %llu nodes joined, %llu left\n",
                static_cast<unsigned long long>(total.finished),
                static_cast<unsigned long long>(total.aborted), static_cast<unsigned long long>(total.joined),
                static_cast<unsigned long long>(total.left));
  }
  return broken == 0 ? 0 : 1;
}
