// What clients do in a round, and what its history must keep to. Several of them run side by side, on keys of their
// own: each key begins with its workload's name and a colon.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "histories/checkers/checkers.h"
#include "histories/client.h"

namespace starling::histories {

class Workload {
 public:
  explicit Workload(std::string name) : name_(std::move(name)) {}
  virtual ~Workload() = default;
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  const std::string& name() const { return name_; }
  // A few commands. Several clients at once.
  virtual void step(Client& client) = 0;
  // When everything is healed, by one client: looks at what is left, and complains of what cannot be had until the
  // deadline.
  virtual void finish(Client& client, Time deadline);
  // Of its own operations.
  virtual Violations check(const History& history) const = 0;

 protected:
  std::string key(const std::string& rest) const { return name_ + ":" + rest; }
  std::string key(uint64_t number) const { return key(std::to_string(number)); }

 private:
  const std::string name_;
};

// What a scenario says of its workloads.
struct Circumstances {
  // How far from right a time to live may be.
  Time ttl_margin = 300'000;
};

using MakeWorkload = std::function<std::unique_ptr<Workload>(const Circumstances&)>;
// By name: registers, fields, members, locks, once, increments, updates, chains, expiry, siblings, sums, hot-set,
// hot-hash, idle.
const std::map<std::string, MakeWorkload>& workloads();

std::unique_ptr<Workload> make_registers(const std::string& name);
std::unique_ptr<Workload> make_locks(Time margin);
std::unique_ptr<Workload> make_once();
std::unique_ptr<Workload> make_increments();
std::unique_ptr<Workload> make_updates();
std::unique_ptr<Workload> make_chains();
std::unique_ptr<Workload> make_expiry(Time margin);
std::unique_ptr<Workload> make_siblings();
std::unique_ptr<Workload> make_sums();
std::unique_ptr<Workload> make_hot(bool hash);
std::unique_ptr<Workload> make_idle();

}  // namespace starling::histories
