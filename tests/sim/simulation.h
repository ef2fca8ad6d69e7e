// One run: nodes, network, clocks, disks, faults and clients, all drawn from one seed. The same seed (and
// mutation) gives the same run, event by event.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "engine/base/seeded_random.h"
#include "tests/sim/sim_node.h"

namespace starling::sim {

// What may happen in a run; drawn from the seed, so that each run has its own mix.
struct Mix {
  size_t nodes = 3;
  size_t loops = 1;            // Of each node.
  bool calm = false;           // Nothing goes wrong at all.
  bool ordered_links = false;  // What goes by one link arrives in its order, as on a connection.
  bool fsync_always = false;
  bool process_crashes = false;  // kill -9: what was written to the log survives
  bool power_losses = false;     // what was not synced may vanish
  bool disk_losses = false;
  bool clean_restarts = false;
  bool pauses = false;
  bool cuts = false;
  bool one_way_cuts = false;
  bool cuts_hold =
      false;  // what is sent meanwhile arrives when they heal, as it does on connections that live on
  bool full_disks = false;   // for a while
  bool link_breaks = false;  // a connection ends, and both processes live
  bool clock_jumps = false;  // by seconds, of any node
  bool liars = false;  // a minority whose clocks are off by anything, and jump; those of the others are right
  bool evictions = false;
  bool comparisons = false;   // of replicas, and tombstones settled, while it goes on
  bool ring_changes = false;  // nodes join and leave, or weigh something else
  bool dead_drains = false;   // one that will not come back is drained
  bool auto_removes =
      false;  // who is down for a while is removed by the others, or gives its place to who joins
  int loss_percent = 0, duplicate_percent = 0;
  int64_t max_delay_us = 1000;
  int strict_percent = 50;
  int64_t fault_gap_us = 1'000'000;  // mean
  int64_t duration_us = 12'000'000;

  // Acknowledged data may go with a disk, or with what it had not synced. Then only one node, the fragile
  // one, may lose any: promises are about fewer than W disks.
  bool loses_data() const { return disk_losses || dead_drains || (power_losses && !fsync_always); }
  bool restarts() const { return process_crashes || power_losses || disk_losses || clean_restarts; }
  std::string to_string() const;
};

// By the first letter of a key: r holds strings, m integers, s sets, h hashes; c is a counter and d a hash of
// counters, which nothing but increments change. Always with strict quorums of 2 of 3: l is a lock that is never
// released, n a source of numbers, a a string that is appended to, w a string that is only overwritten and deleted.
inline bool of_collection(const std::string& key) {
  return key[0] == 's' || key[0] == 'h' || key[0] == 'd';
}
inline bool only_added_to(const std::string& key) {
  return key[0] == 'c' || key[0] == 'd' || key[0] == 'n';
}
inline bool is_agreed_on(const std::string& key) {
  return key[0] == 'l' || key[0] == 'n' || key[0] == 'a' || key[0] == 'w';
}

struct Figures {
  uint64_t operations = 0, acknowledged = 0, events = 0, restarts = 0, messages = 0, reaped = 0, repeated = 0,
           overruled = 0, refused = 0, unknown = 0, gaps = 0, differences = 0;
  uint64_t joined = 0, left = 0, finished = 0, aborted = 0;  // Of changes of the ring, as agreed on.
};

class Simulation final : private World {
 public:
  // `ring`: the membership changes.
  Simulation(uint64_t seed, Mutation mutation, bool trace, bool ring = false);
  ~Simulation() override;

  // The first broken promise; good when all were kept.
  Verdict run();
  const Mix& mix() const { return mix_; }
  const Figures& figures() const { return figures_; }
  // Differs if anything in the run did.
  uint64_t fingerprint() const { return fingerprint_; }

 private:
  static constexpr size_t kWorld = SIZE_MAX;
  static constexpr size_t kMaxNodes = 8;

  struct Slot {
    SimDisk disk;
    std::unique_ptr<SimNode> node;
    uint64_t life = 0;
    bool paused = false;
    int64_t skew_us = 0;
    bool liar = false;
    int64_t clock_began_us = 0;
    engine::ActorId actor = 0;
    bool stopped_cleanly = false;
    engine::Stamp last_stamp = 0;
    bool full = false;
    cluster::AcceptorState topology;  // On its disk.
    bool spare = false;               // It has not been started yet: it may join.
    bool gone = false;                // It was a member, and will never run again.
    // What waited when its process ended and its disk stayed.
    std::optional<std::vector<std::pair<std::string, std::string>>> hints;
    std::deque<std::function<void()>> waiting;  // While it is paused.
  };
  struct Due {
    int64_t at_us;
    uint64_t order;
    size_t node;
    uint64_t life;
    std::shared_ptr<std::function<void()>> work;
    bool operator>(const Due& other) const {
      return at_us != other.at_us ? at_us > other.at_us : order > other.order;
    }
  };
  struct Client {
    uint64_t waits_for = 0;
    size_t node = 0;
    struct Remembered {
      engine::VersionVector context;
      Pieces seen;
    };
    std::map<std::string, Remembered> contexts;
  };

  // World
  int64_t now_us() const override { return now_us_; }
  int64_t wall_us(size_t node) const override;
  int64_t clock_patience_us() const override;
  void note_time(size_t node, int64_t wall_ms) override;
  int64_t clock_us(size_t node) const override { return now_us_ + slots_[node].clock_began_us; }
  engine::Random& random() override { return random_; }
  void later(size_t node, int64_t delay_us, std::function<void()> work) override;
  void send(size_t from, size_t to, Packet packet) override;
  bool connect(size_t from, size_t to) override;
  bool reset_unless_arrived(size_t from, size_t to) override;
  uint64_t life_of(size_t node) const override { return slots_[node].life; }
  std::optional<int64_t> failed_us(uint64_t operation) const override {
    const auto found = failed_us_.find(operation);
    return found == failed_us_.end() ? std::nullopt : std::optional(found->second);
  }
  const ClientOperation& operation(uint64_t id) const override { return operations_.at(id); }
  KeyHistory& history(const std::string& key) override { return histories_[key]; }
  void answer(size_t node, uint64_t operation, std::shared_ptr<const Answer> answer) override;
  // What a node could not log it shows, and forgets with its process.
  bool strict_reads_hold() const override {
    return !mix_.loses_data() && !(mix_.full_disks && mix_.restarts());
  }
  void judge(Verdict verdict) override;
  void count_reaped(uint64_t records) override { figures_.reaped += records; }
  void count_repeated() override { ++figures_.repeated; }
  void count_overruled() override { ++figures_.overruled; }
  void count_refused() override { ++figures_.refused; }
  void count_unknown() override { ++figures_.unknown; }
  void note_gap(size_t node) override;
  void count_mended(bool by_difference) override { figures_.differences += by_difference ? 1 : 0; }
  void note_deadline(int64_t wall_ms) override { last_deadline_ms_ = std::max(last_deadline_ms_, wall_ms); }
  void note_settled(uint16_t partition, engine::Stamp stamp) override;
  void save_topology(size_t node, const cluster::AcceptorState& state) override;
  std::shared_ptr<const cluster::Placement> placement_by(const cluster::Topology& topology,
                                                         size_t node) override;
  void dismiss(size_t node) override;
  bool tracing() const override { return tracing_; }
  void trace(size_t node, const std::string& line) override;

  uint64_t below(uint64_t bound) { return random_.below(bound); }
  bool percent(int chance) { return static_cast<int>(below(100)) < chance; }
  void draw_mix();
  void calm_down();
  void run_until(int64_t until_us);
  void run_on(size_t node, const std::function<void()>& work);

  // simulation_faults.cc
  void start(size_t node);
  void stop(size_t node, size_t surviving_frames);
  void stop_cleanly(size_t node);
  void stop_and_restart(size_t node, size_t surviving_frames);
  void lose_disk(size_t node);
  void drop_tombstones(size_t node);
  void pause(size_t node, int64_t duration_us);
  void fill_disk(size_t node, int64_t duration_us);
  void make_room(size_t node);
  void resume(size_t node);
  void cut(int64_t duration_us);
  void end_cut(size_t from, size_t to);
  void deliver(size_t from, size_t to, Packet packet);
  void break_link(size_t a, size_t b);
  void notice_break(size_t here, size_t there);
  void fault();
  void move_clock(size_t node);
  void heal();

  // simulation_ring.cc
  void found(size_t members);
  void draw_changes();
  void change_ring();
  void drain(bool dead);
  void weigh();
  // The newest topology that anybody knows.
  const cluster::Topology& topology() const;
  // A node that runs and is a member; SIZE_MAX: none.
  size_t some_member() const;
  const cluster::Placement& placement() const { return slots_[some_member()].node->placement(); }
  bool ring_rests() const;
  std::string ring_state() const;

  // simulation_clients.cc
  void begin_operation(size_t client);
  ClientOperation draw_operation(size_t client);
  void finish_operation(size_t client, uint64_t operation, const Answer& answer);
  void check_agreed(const ClientOperation& operation, const Answer& answer);
  uint64_t submit(ClientOperation operation, size_t node);

  // simulation_checks.cc
  void read_everything();
  bool settle();
  void exchange();
  // kAsSettled: a floor that one replica was told of is known by who told of it, though its context does not
  // say so before they have compared.
  enum class Floors { kCompared, kAsSettled };
  void check_identical(const std::string& when, Floors floors = Floors::kCompared);
  void check_histories();
  void check_appended(const std::string& key, const engine::Record& record);
  void collect();
  // Of a key of which there is but a tombstone, at one node; empty: of none.
  std::string tombstone_left();

  const uint64_t seed_;
  const Mutation mutation_;
  const bool tracing_;
  engine::SeededRandom random_;
  Mix mix_;
  Verdict verdict_;
  Figures figures_;
  uint64_t fingerprint_ = 0;

  int64_t now_us_ = 1'000'000;
  uint64_t order_ = 0;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::vector<Slot> slots_;
  std::array<std::array<int, kMaxNodes>, kMaxNodes>
      cuts_{};  // How many cuts there are from one to the other.
  uint64_t cut_generation_ = 0;
  // Sent while there was a cut, and on which connection.
  struct Held {
    uint64_t link;
    uint64_t sender_life, receiver_life;
    Packet packet;
  };
  std::array<std::array<std::vector<Held>, kMaxNodes>, kMaxNodes> held_;
  // Which connection there is between two nodes, and whether the first knows that it is not the last one.
  std::array<std::array<uint64_t, kMaxNodes>, kMaxNodes> links_{};
  std::array<std::array<bool, kMaxNodes>, kMaxNodes> unnoticed_{};
  // Of each node: which life of each other one its connection leads to.
  std::array<std::array<uint64_t, kMaxNodes>, kMaxNodes> met_{};
  // When the last packet arrives of those that go from one node to the other on the link of a loop: the sender's
  // own links, and those of the receiver that it answers on.
  std::map<std::tuple<size_t, size_t, size_t, bool>, int64_t> arrivals_;
  size_t fragile_ = 0;
  uint64_t next_actor_ = 100;
  uint64_t next_boot_ = 1;
  int64_t last_deadline_ms_ = 0;  // Of any value, by the clock of who set it.
  bool faults_go_on_ = true;
  cluster::NodeNumbers node_numbers_;
  std::optional<cluster::Topology> newest_;
  int64_t change_gap_us_ = 0;
  bool clients_go_on_ = true;

  std::vector<std::string> keys_;
  std::vector<Client> clients_;
  std::map<uint64_t, ClientOperation> operations_;
  std::set<uint64_t> denied_;                 // Answered that nothing was done.
  std::map<uint64_t, int64_t> failed_us_;     // Answered with an error, and when.
  std::set<uint64_t> timed_out_;              // Answered that the coordinating node did not answer.
  std::map<uint64_t, std::string> outcomes_;  // Errors of the last phase's reads; "" for done.
  std::map<std::string, KeyHistory> histories_;
  std::map<std::string, uint64_t> lock_owners_;
  std::map<std::string, std::map<std::string, uint64_t>> numbers_;  // Given out, and to which operation.
  std::map<std::string, std::vector<std::string>> appended_;
  uint64_t next_operation_ = 1;
};

}  // namespace starling::sim
