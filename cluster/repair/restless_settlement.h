// Settles what never rests: partitions that are written to so often that their sums are not found equal on all
// replicas, and still the same when that is told (settlement.h). What a node holds or has superseded it holds or has
// superseded from then on; so that sums were the same at one moment, each replica's at its own, is enough:
//
//   add()   nobody owes events up to the stamp any more: whatever of them is anywhere is at a replica
//   pass 1  each other replica's sum was the leader's at some moment since: the leader has all that any of them had
//   pass 2  each one's was at some moment after that: it has all of it as well ── proven, to every replica
//
// A question costs next to nothing, and there is one each time that ask() is called.
//
// Pure; one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "cluster/repair/settlement.h"

namespace starling::cluster {

class RestlessSettlement {
 public:
  using Message = Settlement::Message;
  // The sum of a partition here, now. None: it is not known.
  using SumOf = std::function<std::optional<uint64_t>(uint16_t partition)>;

  // Of one topology.
  explicit RestlessSettlement(std::shared_ptr<const Placement> placement);
  const Placement& placement() const { return *placement_; }

  // Of a round that is ready, partitions that this node leads. One that is under way goes on by its earlier stamp.
  void add(const PartitionSet& partitions, const Settlement& round, int64_t now_us);
  // The next question to each replica, and what is proven without any.
  std::vector<Message> ask(const SumOf& sum_of, int64_t now_us);
  // An answer. What is proven by it.
  std::vector<Message> receive(NodeIndex from, const SameReply& reply);
  size_t under_way() const { return proofs_.size(); }

 private:
  struct Proof {
    engine::Stamp stamp;
    std::shared_ptr<const std::vector<Mark>> marks;
    int64_t until_us;
    uint64_t first_question;  // The first one that counts; in the second pass another one.
    bool second_pass = false;
    std::vector<bool> same;  // By slot of the preference list.
  };
  using Proofs = std::map<uint16_t, Proof>;

  bool all_same(uint16_t partition, const Proof& proof) const;
  // Takes the proof.
  void prove(Proofs::iterator proof, std::vector<Message>* messages);

  const std::shared_ptr<const Placement> placement_;
  Proofs proofs_;
  uint64_t last_question_;
  uint16_t next_ = 0;  // Where the next question begins.
};

}  // namespace starling::cluster
