#include "tests/sim/simulation.h"

#include <cstdio>
#include <cstdlib>

namespace starling::sim {
namespace {

constexpr int64_t kWallEpochUs = 1'700'000'000'000'000;
constexpr const char* kKeys[] = {"r0", "r1", "r2", "s0", "s1", "h0", "m0", "c0", "d0",
                                 "l0", "l1", "l2", "l3", "n0", "a0", "w0", "w1"};
// Of what is delivered within one machine's loop: nothing is instantaneous.
constexpr int64_t kLeastDelayUs = 20;

}  // namespace

std::string Mix::to_string() const {
  std::string out = std::to_string(nodes) + " nodes of " + std::to_string(loops) + " loops, appendfsync " +
                    (fsync_always ? "always" : "everysec");
  const std::pair<bool, const char*> kinds[] = {{process_crashes, "crashes"},
                                                {power_losses, "power losses"},
                                                {disk_losses, "disk losses"},
                                                {clean_restarts, "restarts"},
                                                {pauses, "pauses"},
                                                {cuts, "cuts"},
                                                {one_way_cuts, "one-way cuts"},
                                                {cuts_hold, "cuts that hold"},
                                                {link_breaks, "broken links"},
                                                {full_disks, "full disks"},
                                                {clock_jumps, "clock jumps"},
                                                {liars, "lying clocks"},
                                                {evictions, "evictions"},
                                                {comparisons, "comparisons"},
                                                {ring_changes, "changes of the ring"},
                                                {dead_drains, "a dead node drained"},
                                                {auto_removes, "who is down removed"},
                                                {ordered_links, "ordered links"},
                                                {calm, "calm"}};
  for (const auto& [on, name] : kinds) {
    if (on) out += std::string(", ") + name;
  }
  out += ", loss " + std::to_string(loss_percent) + " %, duplicates " + std::to_string(duplicate_percent) +
         " %, delay up to " + std::to_string(max_delay_us) + " us, strict " + std::to_string(strict_percent) +
         " %";
  return out;
}

Simulation::Simulation(uint64_t seed, Mutation mutation, bool trace, bool ring)
    : seed_(seed), mutation_(mutation), tracing_(trace), random_(seed) {
  draw_mix();
  if (ring || of_ring(mutation)) draw_changes();
  if (tracing_)
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed_), mix_.to_string().c_str());
  slots_.resize(mix_.ring_changes ? kMaxNodes : mix_.nodes);
  fragile_ = below(mix_.nodes);
  for (Slot& slot : slots_) {
    if (mix_.clock_jumps) slot.skew_us = static_cast<int64_t>(below(4'000'000)) - 2'000'000;
    slot.clock_began_us = static_cast<int64_t>(below(1'000'000'000));
    if (mix_.liars) slot.skew_us = static_cast<int64_t>(below(400'000)) - 200'000;
  }
  if (mix_.liars) {
    for (size_t left = (mix_.nodes - 1) / 2, i = below(mix_.nodes); left > 0;
         --left, i = (i + 1) % mix_.nodes) {
      slots_[i].liar = true;
      move_clock(i);
    }
  }
  found(mix_.nodes);
  for (size_t i = 0; i < slots_.size(); ++i) start(i);
  for (const char* key : kKeys) keys_.emplace_back(key);
  clients_.resize(5);
}

Simulation::~Simulation() = default;

void Simulation::draw_mix() {
  mix_.nodes = 3 + below(3);
  mix_.fsync_always = percent(50);
  mix_.process_crashes = percent(40);
  mix_.power_losses = percent(30);
  mix_.disk_losses = percent(15);
  mix_.clean_restarts = percent(20);
  mix_.pauses = percent(30);
  mix_.cuts = percent(45);
  mix_.one_way_cuts = percent(20);
  mix_.cuts_hold = percent(50);
  mix_.link_breaks = percent(35);
  mix_.full_disks = percent(15);
  mix_.clock_jumps = percent(25);
  mix_.liars = !mix_.clock_jumps && percent(30);
  if (mutation_ == Mutation::kClockBelieved || mutation_ == Mutation::kClockNotAwaited) {
    mix_.clock_jumps = false;
    mix_.liars = true;
  }
  mix_.evictions = percent(40);
  // Not always: else nothing would show whether hints do all that they should.
  mix_.comparisons =
      percent(70) || mutation_ == Mutation::kReapWithoutProof || mutation_ == Mutation::kSettledForgotten;
  if (percent(30)) mix_.loss_percent = 1 + static_cast<int>(below(10));
  if (percent(30)) mix_.duplicate_percent = 1 + static_cast<int>(below(10));
  const int64_t delays_us[] = {500, 2'000, 20'000, 150'000};
  mix_.max_delay_us = delays_us[below(4)];
  const int strict[] = {0, 50, 100, 100};
  mix_.strict_percent = strict[below(4)];
  mix_.fault_gap_us = 50'000 + static_cast<int64_t>(below(600'000));
  mix_.loops = 1 + below(3);
  mix_.ordered_links = percent(60);
  if (percent(mutation_ == Mutation::kOrderDropped ? 50 : 8)) calm_down();
  if (mutation_ != Mutation::kOverrulingIgnored) return;
  // It takes two coordinators and clocks that differ.
  mix_.nodes = 3;
  mix_.cuts = mix_.clock_jumps = true;
  mix_.disk_losses = mix_.power_losses = false;
}

// Nothing goes wrong: what is told of then, the nodes have made themselves.
void Simulation::calm_down() {
  Mix calm;
  calm.calm = true;
  calm.ordered_links = true;
  calm.nodes = mix_.nodes;
  calm.loops = 2 + below(2);
  calm.fsync_always = mix_.fsync_always;
  calm.max_delay_us = mix_.max_delay_us;
  // What replicas have to agree to leaves by the loop that asks them, in no order with what others ship.
  calm.strict_percent = 0;
  mix_ = calm;
}

int64_t Simulation::wall_us(size_t node) const {
  return kWallEpochUs + now_us_ + slots_[node].skew_us;
}

// Where clocks may be off by hours a node must not begin by its own, however long it is cut off.
int64_t Simulation::clock_patience_us() const {
  constexpr int64_t kForEverUs = int64_t{1} << 50;
  return mix_.liars ? kForEverUs : cluster::ClockSettings().patience_us;
}

// While most clocks are right, every node runs its commands by the right time, whatever its own clock says.
void Simulation::note_time(size_t node, int64_t wall_ms) {
  constexpr int64_t kMostMs = 1000;
  const int64_t off_ms = wall_ms - (kWallEpochUs + now_us_) / 1000;
  if (!mix_.liars || std::abs(off_ms) <= kMostMs) return;
  judge({"a command runs at node " + std::to_string(node) + " by a time that is " + std::to_string(off_ms) +
         " ms off"});
}

void Simulation::judge(Verdict verdict) {
  if (verdict.good() || !verdict_.good()) return;
  verdict_ = std::move(verdict);
  if (tracing_) trace(kWorld, "BROKEN: " + verdict_.text);
}

void Simulation::note_settled(uint16_t partition, engine::Stamp stamp) {
  for (const std::string& key : keys_) {
    if (engine::Key(key).partition != partition) continue;
    engine::Stamp& settled = histories_[key].settled;
    settled = std::max(settled, stamp);
    histories_[key].replicas_change = mix_.ring_changes;
  }
}

// With one node that runs a key's commands, and connections that keep their order, there is nothing that a delta
// could have overtaken.
void Simulation::note_gap(size_t node) {
  ++figures_.gaps;
  if (mix_.calm) judge({"P6 node " + std::to_string(node) + " sent a delta ahead of what it builds on"});
}

void Simulation::trace(size_t node, const std::string& line) {
  if (!tracing_) return;
  const std::string who = node == kWorld ? "      " : "node " + std::to_string(node);
  std::printf("%11.6f  %s  %s\n", static_cast<double>(now_us_) / 1e6, who.c_str(), line.c_str());
}

// --- Events

void Simulation::later(size_t node, int64_t delay_us, std::function<void()> work) {
  const uint64_t life = node == kWorld ? 0 : slots_[node].life;
  due_.push(
      {now_us_ + delay_us, order_++, node, life, std::make_shared<std::function<void()>>(std::move(work))});
}

void Simulation::run_on(size_t node, const std::function<void()>& work) {
  SimNode& running = *slots_[node].node;
  running.begin_pass();
  work();
  running.end_pass();
}

void Simulation::run_until(int64_t until_us) {
  while (verdict_.good() && !due_.empty() && due_.top().at_us <= until_us) {
    const Due due = due_.top();
    due_.pop();
    now_us_ = due.at_us;
    fingerprint_ = (fingerprint_ ^ static_cast<uint64_t>(now_us_) ^ due.node) * 0x9e3779b97f4a7c15;
    if (due.node == kWorld) {
      (*due.work)();
      continue;
    }
    Slot& slot = slots_[due.node];
    if (slot.node == nullptr || slot.life != due.life) continue;
    if (slot.paused) {
      slot.waiting.push_back(std::move(*due.work));
      continue;
    }
    ++figures_.events;
    run_on(due.node, *due.work);
  }
  now_us_ = std::max(now_us_, until_us);
}

void Simulation::send(size_t from, size_t to, Packet packet) {
  ++figures_.messages;
  if (slots_[to].node == nullptr) return;
  if (cuts_[from][to] > 0) {
    // On a connection that has ended nothing waits, though its sender does not know yet.
    if (mix_.cuts_hold && met_[from][to] == slots_[to].life && !unnoticed_[from][to])
      held_[from][to].push_back({links_[from][to], slots_[from].life, slots_[to].life, std::move(packet)});
    return;
  }
  deliver(from, to, std::move(packet));
}

void Simulation::deliver(size_t from, size_t to, Packet packet) {
  // Who was paused meanwhile answers on a connection of which only it does not know yet that it has ended.
  if (met_[from][to] != slots_[to].life) return;
  const bool once =
      packet.kind == cluster::FrameKind::kForward || packet.kind == cluster::FrameKind::kForwardReply;
  if (mix_.link_breaks && once && percent(3)) {
    // Where it matters most: while a command or its answer is under way.
    const auto delay_us = static_cast<int64_t>(below(2 * static_cast<uint64_t>(mix_.max_delay_us)));
    later(kWorld, delay_us, [this, from, to] { break_link(from, to); });
  }
  if (percent(mix_.loss_percent)) return;
  fingerprint_ = (fingerprint_ ^ packet.correlation ^ packet.payload.size()) * 0x9e3779b97f4a7c15;
  const auto shared = std::make_shared<const Packet>(std::move(packet));
  // A connection that broke takes with it what was under way; answers never reach a later life.
  const uint64_t sender_life = slots_[from].life;
  for (int copies = !once && percent(mix_.duplicate_percent) ? 2 : 1; copies > 0; --copies) {
    int64_t delay_us = kLeastDelayUs + static_cast<int64_t>(below(static_cast<uint64_t>(mix_.max_delay_us)));
    if (mix_.ordered_links) {
      int64_t& last_us = arrivals_[{from, to, shared->loop, shared->reply}];
      last_us = std::max(last_us, now_us_ + delay_us);
      delay_us = last_us - now_us_;
    }
    // Half of what was under way on a connection when it broke arrives after that; who is slow to read it has
    // read what came by the next one before.
    const bool survives = mix_.link_breaks && percent(50);
    later(to, delay_us, [this, from, to, sender_life, shared, survives, link = links_[from][to]] {
      // Half of what a node had sent before it died arrives after that.
      if (slots_[from].life != sender_life && (shared->correlation & 1) != 0) return;
      if (links_[from][to] != link && !survives) return;
      if (links_[from][to] != link && percent(50)) {
        return later(to, static_cast<int64_t>(below(800'000)),
                     [this, from, to, shared] { slots_[to].node->receive(from, *shared); });
      }
      slots_[to].node->receive(from, *shared);
    });
  }
}

bool Simulation::connect(size_t from, size_t to) {
  if (slots_[to].node == nullptr || slots_[to].paused || cuts_[from][to] > 0 || cuts_[to][from] > 0)
    return false;
  later(from, 500, [this, from, to, life = slots_[to].life, clock_us = clock_us(to)] {
    met_[from][to] = life;
    slots_[from].node->connected(to, clock_us);
  });
  later(to, 500, [this, from, to, life = slots_[from].life, clock_us = clock_us(from)] {
    met_[to][from] = life;
    notice_break(to, from);
    slots_[to].node->connected(from, clock_us);
  });
  return true;
}

Verdict Simulation::run() {
  // Acquainted first; where one node is to run all commands of a key, all have to know which.
  run_until(now_us_ + (mix_.calm ? 2'500'000 : 500'000));
  for (size_t i = 0; i < clients_.size(); ++i) begin_operation(i);
  if (!mix_.calm) later(kWorld, mix_.fault_gap_us, [this] { fault(); });
  if (mix_.ring_changes) later(kWorld, change_gap_us_, [this] { change_ring(); });
  run_until(now_us_ + mix_.duration_us);
  clients_go_on_ = false;
  heal();
  const bool settled = settle();
  if (verdict_.good() && mix_.ring_changes && !ring_rests())
    judge({"P7 a change of the ring does not end: " + ring_state()});
  if (verdict_.good() && !mix_.restarts() && !mix_.ring_changes && mutation_ == Mutation::kNone) {
    // Hints live in memory: with no restart they must have brought all replicas up to date.
    if (!settled) judge({"P7 hints or requests are still under way long after healing"});
    // An attempt that was given up may be at one replica, of which its coordinator knows nothing: that is left to
    // reads and to the comparison of replicas.
    if (figures_.unknown == 0) check_identical("P2 after all hints were delivered", Floors::kAsSettled);
  }
  if (verdict_.good()) read_everything();
  if (verdict_.good()) exchange();
  if (verdict_.good()) check_identical("P2 after a full exchange");
  if (verdict_.good()) check_histories();
  if (verdict_.good()) collect();
  return verdict_;
}

// --- The start of a node, here for its placement

void Simulation::start(size_t node) {
  Slot& slot = slots_[node];
  if (slot.node != nullptr || slot.spare || slot.gone) return;
  const bool resumes = slot.stopped_cleanly || (mutation_ == Mutation::kActorReused && slot.actor != 0);
  if (!resumes) slot.actor = next_actor_++;
  SimNode::Setting setting;
  setting.index = node;
  setting.loops = mix_.loops;
  setting.actor = slot.actor;
  setting.random_seed = random_.next();
  setting.fsync_always = mix_.fsync_always;
  setting.mutation = mutation_;
  setting.topology = slot.topology;
  setting.ring_changes = mix_.ring_changes;
  setting.auto_removes = mix_.auto_removes;
  setting.slots = slots_.size();
  if (newest_ && !slot.topology.decided) {
    for (const cluster::Member& member : topology().members) setting.seeds.push_back(slot_of(member.id));
  }
  setting.boot = next_boot_++;
  setting.compares = mix_.comparisons;
  for (const char* key : kKeys) setting.partitions.push_back(engine::Key(key).partition);
  setting.last_stamp = slot.stopped_cleanly ? slot.last_stamp : 0;
  slot.stopped_cleanly = false;
  slot.paused = false;
  slot.full = false;
  slot.waiting.clear();
  unnoticed_[node].fill(false);
  World& world = *this;
  slot.node = std::make_unique<SimNode>(world, slot.disk, setting);
  if (slot.hints && mutation_ == Mutation::kNone && slot.node->hints() != *slot.hints) {
    judge({"P1 node " + std::to_string(node) + " lost hints when its process ended"});
  }
  ++figures_.restarts;
  if (tracing_) trace(node, "starts as actor " + std::to_string(slot.actor));
}

}  // namespace starling::sim
