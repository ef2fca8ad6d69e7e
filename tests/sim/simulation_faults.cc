#include "engine/base/assert.h"
#include "engine/base/byte_codec.h"
#include "engine/record/record_codec.h"
#include "tests/sim/simulation.h"

namespace starling::sim {

// The process is gone; its peers notice soon, unless they are cut off.
void Simulation::stop(size_t node, size_t surviving_frames) {
  Slot& slot = slots_[node];
  if (slot.node == nullptr) return;
  slot.hints.reset();
  // What waits for the end of a pass, or for room on the disk, goes with the process.
  SimEngine& engine = slot.node->engine();
  if (surviving_frames == SIZE_MAX && engine.last_position() == engine.written())
    slot.hints = slot.node->hints();
  engine.crash(surviving_frames);
  slot.node.reset();
  slot.waiting.clear();
  ++slot.life;
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (i == node || slots_[i].node == nullptr || cuts_[node][i] > 0) continue;
    later(i, static_cast<int64_t>(1000 + below(50'000)),
          [this, i, node] { slots_[i].node->disconnected(node); });
  }
}

void Simulation::stop_and_restart(size_t node, size_t surviving_frames) {
  stop(node, surviving_frames);
  later(kWorld, static_cast<int64_t>(50'000 + below(3'000'000)), [this, node] { start(node); });
}

void Simulation::stop_cleanly(size_t node) {
  Slot& slot = slots_[node];
  if (slot.node == nullptr || slot.paused) return;
  trace(node, "stops cleanly");
  // What could not be logged is forgotten, so it is no clean stop then.
  slot.actor = slot.node->actor();
  slot.stopped_cleanly = slot.node->engine().close(engine::Leave::kLog).ok();
  slot.last_stamp = slot.node->engine().core().hybrid_clock.last();
  stop_and_restart(node, SIZE_MAX);
}

void Simulation::lose_disk(size_t node) {
  stop(node, 0);
  slots_[node].disk = {};
  later(kWorld, static_cast<int64_t>(50'000 + below(3'000'000)), [this, node] { start(node); });
}

// As if deletes had left nothing: the node goes on with all its records but the vacant ones.
void Simulation::drop_tombstones(size_t node) {
  Slot& slot = slots_[node];
  if (slot.node == nullptr || slot.paused) return;
  std::map<std::string, std::string> states;
  run_on(node, [&] {
    for (const std::string& key : keys_) {
      const std::string state = slot.node->state_of(key);
      if (!bare_record(state).vacant()) states[key] = state;
    }
  });
  stop(node, SIZE_MAX);
  slot.hints.reset();
  slot.disk = {};
  start(node);
  run_on(node, [&] {
    for (const auto& [key, state] : states) (void)slot.node->merge(key, state);
  });
  (void)slot.node->engine().sync();
}

void Simulation::pause(size_t node, int64_t duration_us) {
  Slot& slot = slots_[node];
  if (slot.node == nullptr || slot.paused) return;
  slot.paused = true;
  later(kWorld, duration_us, [this, node, life = slot.life] {
    if (slots_[node].life == life) resume(node);
  });
}

void Simulation::resume(size_t node) {
  Slot& slot = slots_[node];
  if (slot.node == nullptr || !slot.paused) return;
  slot.paused = false;
  trace(node, "goes on");
  // In the order in which they came, before anything new.
  while (!slot.waiting.empty() && slot.node != nullptr) {
    const std::function<void()> work = std::move(slot.waiting.front());
    slot.waiting.pop_front();
    run_on(node, work);
  }
}

void Simulation::fill_disk(size_t node, int64_t duration_us) {
  Slot& slot = slots_[node];
  if (slot.node == nullptr || slot.full) return;
  trace(node, "its disk is full");
  slot.full = true;
  slot.node->engine().set_full(true);
  later(kWorld, duration_us, [this, node, life = slot.life] {
    if (slots_[node].life == life) make_room(node);
  });
}

void Simulation::make_room(size_t node) {
  Slot& slot = slots_[node];
  if (slot.node == nullptr || !std::exchange(slot.full, false)) return;
  trace(node, "its disk has room again");
  slot.node->engine().set_full(false);
  if (!slot.paused) run_on(node, [] {});
}

// Two sides, or a single direction.
void Simulation::cut(int64_t duration_us) {
  const uint64_t generation = cut_generation_;
  std::vector<std::pair<size_t, size_t>> links;
  const bool one_way = mix_.one_way_cuts && (!mix_.cuts || percent(50));
  const uint64_t side = 1 + below((uint64_t{1} << slots_.size()) - 2);
  for (size_t i = 0; i < slots_.size(); ++i) {
    for (size_t j = 0; j < slots_.size(); ++j) {
      const bool i_here = (side >> i & 1) != 0, j_here = (side >> j & 1) != 0;
      if (i_here && !j_here) links.emplace_back(i, j);
      if (!one_way && !i_here && j_here) links.emplace_back(i, j);
    }
  }
  if (tracing_) {
    std::string line = "cut:";
    for (const auto& [from, to] : links) line += " " + std::to_string(from) + ">" + std::to_string(to);
    trace(kWorld, line);
  }
  for (const auto& [from, to] : links) ++cuts_[from][to];
  later(kWorld, duration_us, [this, links, generation] {
    if (generation != cut_generation_) return;
    trace(kWorld, "a cut heals");
    for (const auto& [from, to] : links) {
      if (--cuts_[from][to] == 0) end_cut(from, to);
    }
  });
}

// What was sent meanwhile is sent again and again until it arrives, if the connection is still the same.
void Simulation::end_cut(size_t from, size_t to) {
  for (Held& held : std::exchange(held_[from][to], {})) {
    const bool same = held.link == links_[from][to] && slots_[from].life == held.sender_life &&
                      slots_[to].life == held.receiver_life;
    if (!same || slots_[to].node == nullptr) continue;
    if (held.packet.kind == cluster::FrameKind::kForward) {
      server::ForwardFrame frame;
      uint64_t operation;
      STARLING_ASSERT(server::decode_forward(held.packet.payload, &frame));
      STARLING_ASSERT(engine::ByteReader(frame.requests).read_varint(&operation));
      if (operations_.at(operation).writes() && timed_out_.contains(operation))
        judge({"P6 operation " + std::to_string(operation) +
               " arrives after its client was told that it failed"});
    }
    deliver(from, to, std::move(held.packet));
  }
}

bool Simulation::reset_unless_arrived(size_t from, size_t to) {
  if (held_[from][to].empty()) return false;
  if (tracing_) trace(from, "resets its link to node " + std::to_string(to));
  held_[from][to].clear();
  ++links_[from][to];
  ++links_[to][from];
  // The other end may hear of it only when it is connected to anew.
  unnoticed_[to][from] = true;
  return true;
}

// Each side notices when it does.
void Simulation::break_link(size_t a, size_t b) {
  if (!faults_go_on_ || a == b || slots_[a].node == nullptr || slots_[b].node == nullptr) return;
  if (tracing_)
    trace(kWorld, "the link between " + std::to_string(a) + " and " + std::to_string(b) + " breaks");
  for (const auto& [here, there] : {std::pair(a, b), std::pair(b, a)}) {
    ++links_[here][there];
    unnoticed_[here][there] = true;
    const uint64_t most_us = percent(70) ? 5'000 : 300'000;
    later(here, static_cast<int64_t>(below(most_us)),
          [this, here = here, there = there] { notice_break(here, there); });
  }
}

void Simulation::notice_break(size_t here, size_t there) {
  if (std::exchange(unnoticed_[here][there], false)) slots_[here].node->disconnected(there);
}

// Some jumps last, some are over soon.
void Simulation::move_clock(size_t node) {
  Slot& slot = slots_[node];
  const int64_t before_us = slot.skew_us;
  const int64_t scales_us[] = {10'000'000, 90'000'000, 3'600'000'000};
  const int64_t scale_us = slot.liar ? scales_us[below(3)] : scales_us[0];
  slot.skew_us = static_cast<int64_t>(below(2 * static_cast<uint64_t>(scale_us))) - scale_us;
  trace(node, "its clock jumps to " + std::to_string(slot.skew_us) + " us off");
  if (!slot.liar || percent(50)) return;
  later(kWorld, static_cast<int64_t>(below(4'000'000)), [this, node, before_us] {
    if (!faults_go_on_) return;
    slots_[node].skew_us = before_us;
    trace(node, "its clock is back");
  });
}

void Simulation::fault() {
  if (!faults_go_on_) return;
  later(kWorld, 1 + static_cast<int64_t>(below(2 * static_cast<uint64_t>(mix_.fault_gap_us))),
        [this] { fault(); });
  const size_t node = below(slots_.size());
  Slot& slot = slots_[node];
  const auto duration_us = static_cast<int64_t>(100'000 + below(4'000'000));
  if (mutation_ == Mutation::kTombstoneDropped && percent(50)) return drop_tombstones(node);
  switch (below(11)) {
    case 0:
      if (!mix_.process_crashes || slot.node == nullptr) return;
      trace(node, "is killed");
      return stop_and_restart(node, SIZE_MAX);
    case 1: {
      if (!mix_.power_losses) return;
      // With appendfsync always nothing acknowledged is lost, though all fail at once.
      const bool all = mix_.fsync_always && percent(20);
      for (size_t i = 0; i < slots_.size(); ++i) {
        const bool hit = all || i == (mix_.fsync_always ? node : fragile_);
        if (!hit || slots_[i].node == nullptr) continue;
        trace(i, "loses power");
        stop_and_restart(i, below(4));
      }
      return;
    }
    case 2:
      if (!mix_.disk_losses || slots_[fragile_].node == nullptr) return;
      trace(fragile_, "loses its disk");
      return lose_disk(fragile_);
    case 3:
      if (mix_.clean_restarts) stop_cleanly(node);
      return;
    case 4:
      if (!mix_.pauses) return;
      trace(node, "is paused");
      return pause(node, duration_us);
    case 5:
    case 6:
      if (mix_.cuts || mix_.one_way_cuts) cut(duration_us);
      return;
    case 7:
      if (mix_.link_breaks) break_link(node, below(slots_.size()));
      return;
    case 8:
      if (mix_.full_disks) fill_disk(node, duration_us);
      return;
    case 9:
      if (mix_.clock_jumps || slot.liar) move_clock(node);
      return;
    default:
      if (!mix_.evictions || slot.node == nullptr || slot.paused) return;
      run_on(node, [&] {
        (void)slot.node->engine().checkpoint();
        slot.node->engine().evict_everything();
      });
      return trace(node, "has made a checkpoint, and evicted all");
  }
}

void Simulation::heal() {
  trace(kWorld, "all heals");
  faults_go_on_ = false;
  ++cut_generation_;
  mix_.loss_percent = 0;
  for (size_t from = 0; from < slots_.size(); ++from) {
    for (size_t to = 0; to < slots_.size(); ++to) {
      cuts_[from][to] = 0;
      end_cut(from, to);
    }
  }
  for (size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].skew_us = 0;
    resume(i);
    make_room(i);
    start(i);
  }
}

}  // namespace starling::sim
