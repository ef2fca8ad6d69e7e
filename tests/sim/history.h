// What clients did and what came of it: the model that the cluster is checked against.
//
// The unit is a piece: one sibling of one element, named by its dot. An event (a write that changed something
// at its coordinator) puts pieces and supersedes others: those that the coordinator's record showed before
// and not after. From this alone, and not from contexts, follows what may be missing: a piece may only be
// gone where an event that superseded it is in force, and what that event put is there, or was superseded in
// its turn, or was a delete (or has expired) and is settled.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/record/record.h"

namespace starling::sim {

struct Piece {
  engine::ElementKind kind;
  std::string name;
  engine::Dot dot;

  auto operator<=>(const Piece&) const = default;
  std::string to_string() const;
};
using Pieces = std::set<Piece>;

// Of a state as Replica::append_state() gives it: the record by itself, and with all that the node knows of
// the key in its context.
engine::Record bare_record(std::string_view state);
engine::Record known_record(std::string_view state);

Pieces pieces_of(const engine::Record& record);
std::string describe(const engine::Record& record);

struct Event {
  uint64_t operation = 0;
  engine::Dot dot;
  Pieces put, superseded;
  std::string added_to;  // The field, or "": the string.
  int64_t added = 0;
  int write_quorum = 0;
  bool strict = false;
  // It was tried, and the replicas have not agreed: it may be in force somewhere, though a later event of the same
  // actor says that it was seen. Withdrawn: it is nowhere.
  bool tentative = false, withdrawn = false;
  bool replaces = false;  // A write of the whole string whose client was told of no context: SET, DEL.
  int64_t began_us = 0;
  std::optional<int64_t> acknowledged_us, failed_us;
};

// Of one key.
class KeyHistory {
 public:
  // The coordinator ran a write. What its client was shown, `seen`, it supersedes too, though the coordinator
  // may not have it. Null when it changed nothing. Valid until the next one.
  Event* add(uint64_t operation, engine::ActorId actor, const engine::Record& before,
             const engine::Record& after, const Pieces& seen);
  // The coordinator made what an earlier event had put anew, under a later dot: the operation is that event
  // from now on. Null when it changed nothing.
  Event* add_again(engine::ActorId actor, const engine::Record& before, const engine::Record& after);
  // The event of an operation, if it was one.
  Event* event_of(uint64_t operation);
  // Null: nobody is known to have put it.
  const Event* putter_of(const Piece& piece) const;
  const std::vector<Event>& events() const { return events_; }

  // Whether somebody who was shown `seen` knew of the piece: it is among them, or one of them superseded it,
  // or one of those...
  bool known_from(const Pieces& seen, const Piece& piece) const;

  // Up to where the key's partition was settled by proof, on some node.
  engine::Stamp settled = 0;
  bool replicas_change = false;  // The ring does.
  // What strict reads have shown: when a reply with the piece came first, by their R.
  std::map<std::pair<int, Piece>, int64_t> shown;

 private:
  friend class Account;

  std::vector<Event> events_;
  std::map<Piece, std::vector<size_t>> superseders_;
  std::map<Piece, size_t> putter_;
  std::map<uint64_t, size_t> by_operation_;
  // Of the pieces that end: from which settled stamp on nothing need be left of them.
  std::map<Piece, engine::Stamp> ends_;
};

// What a record has, and what it has superseded, as above. Both outlive it, and do not change.
class Account {
 public:
  Account(const KeyHistory& history, const engine::Record& record)
      : history_(history), record_(record), visible_(pieces_of(record)) {}
  bool has(const Piece& piece);
  bool has(const Event& event);

 private:
  const KeyHistory& history_;
  const engine::Record& record_;
  const Pieces visible_;
  std::map<Piece, bool> known_;
};

// The first promise found broken; empty while all is well.
struct Verdict {
  std::string text;
  bool good() const { return text.empty(); }
};

// P1, P3 and P5 on the record that all replicas have in the end. Events of less than `least_quorum`
// acknowledgements may be gone (their disks were lost).
Verdict check_final(const std::string& key, const KeyHistory& history, std::string_view state,
                    int least_quorum, int64_t now_ms);
// P6: a write whose client was told that it failed supersedes nothing that was asked for after that, and acknowledged.
Verdict check_failed(const std::string& key, const KeyHistory& history);
// P5 of a key that was changed by nothing but increments: it shows the sum of those that its context covers,
// and they are at least those that were acknowledged.
Verdict check_sums(const std::string& key, const KeyHistory& history, const engine::Record& record,
                   int least_quorum);
// P4: a strict read of quorum `read_quorum` that began at `began_us` shows `record`. Of two writes of which one
// began when the other was acknowledged, it does not show the earlier one.
Verdict check_strict_read(const std::string& key, const KeyHistory& history, const engine::Record& record,
                          int read_quorum, int replicas, int64_t began_us);

}  // namespace starling::sim
