// Requests under way to the replicas of keys: who was asked, who has answered, when it is enough, when to
// give up.
//
// A write is applied here first (by the caller); the coordinator ships what it changed and counts. A read
// first asks other replicas which versions they hold; the caller compares those with its own record, under
// the key's lock, and fetches what is newer. Choice is by causality only: nothing here ever looks at a value.
//
//   write   begin_write ── acknowledgements reach W ──> write_done(ok); late answers still decide about hints
//                       └─ W out of reach, or time up ─> write_done(failure): the write may still take effect
//   read    begin_read ─── answers reach R ────────────> read_done(ok): see versions()
//                       └─ R out of reach, or time up ─> read_done(failure)
//   attempt begin_attempt ─ W have agreed ──────────────> attempt_done(kAgreed): stored here only now
//                       └─ refused, nobody has it ─────> attempt_done(kRefused): it has not been
//                       └─ else ───────────────────────> attempt_done(kUnknown): it may still take effect
//   fetch   begin_fetch ── the record ─────────────────> fetch_done(record)
//
// A replica that is not healthy, or is lost, is replaced by the next healthy node of the walk. With kSloppy
// what that one says counts for the replica; with kStrict it only keeps the hint. Where no node is left to
// stand in, the caller keeps the hint itself (Listener::hint).
//
// Writes (and reads) of one moment whose replicas are the same nodes share their messages and their fate:
//
//   batch   join ── join ── … ── flush ──────────────────> as one write of all their changes
//
// A replica that lacks what a delta builds on (a gap) is brought up to date once, for all the writes to the key
// that wait for it: gap(), mend(), and in a few rounds (engine/replica/record_difference.h) it has what is here.
//
// Changes of collections leave in the order in which they were made, whichever loop made them: see
// ordered_changes.h.
//
// A new topology disturbs nothing that it does not touch. What is under way goes on; a write to a partition that has
// begun or ended to move goes to the nodes that have to have it from now on, too. Who answers that our topology is
// old is asked again under the next one.
//
// Pure: time comes as an argument, messages leave by Wire. One thread at a time; one coordinator for each
// loop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "cluster/data/obligations.h"
#include "cluster/data/ordered_changes.h"
#include "cluster/data/patience.h"
#include "cluster/data/peer_version.h"
#include "cluster/data/quorum.h"
#include "cluster/topology/placement.h"
#include "cluster/wire/data_messages.h"
#include "cluster/wire/frame.h"
#include "cluster/wire/piece.h"
#include "engine/base/dot.h"

namespace starling::cluster {

// Why a request was given up, or not begun. message() is the text of the error reply.
struct Failure {
  bool begun = true;
  int answered = 0, needed = 0, replicas = 0;
  int64_t timeout_ms = 0;
  bool timed_out = false;
  bool write = false;

  std::string message() const;
};

enum class AttemptOutcome : uint8_t {
  kAgreed,   // Enough replicas have it, this node counted: it must be stored here now.
  kRefused,  // No replica has it, nor will.
  kUnknown,  // A replica has it, or may have; fewer than are needed.
};

class Wire {
 public:
  virtual ~Wire() = default;
  virtual bool healthy(NodeIndex node) const = 0;
  // False: the node is not connected or its queue is full; nothing was sent.
  virtual bool send(NodeIndex node, FrameKind kind, uint64_t correlation, std::string_view payload) = 0;
  // The same for what is large and goes to several.
  virtual bool send_shared(NodeIndex node, FrameKind kind, uint64_t correlation, const SharedBytes& payload) {
    return send(node, kind, correlation, *payload);
  }
};

// What a replica lacks.
struct Gap {
  uint64_t repair;  // For mend().
  NodeIndex peer;
  KeyName key;
  std::string_view seen, listed;  // As append_difference() takes them.
  bool written;                   // A write did not fit; else a push has asked whether all is there.
};

// Called from within calls of the coordinator that begin or change requests, as the last thing they do: the
// listener may call anything of the coordinator in its turn. Only hint(), overruled(), attempt_done() and
// peer_stamp() come in the middle, and may begin nothing.
class CoordinatorListener {
 public:
  virtual ~CoordinatorListener() = default;
  // Null: enough replicas have it. Exactly once for each begin_write(), possibly before that returns.
  virtual void write_done(uint64_t token, const Failure* failure) = 0;
  // Exactly once for each begin_attempt(), possibly before that returns. Null and kRefused: a replica holds what
  // the attempt does not build on.
  virtual void attempt_done(uint64_t token, AttemptOutcome outcome, const Failure* failure) = 0;
  virtual void read_done(uint64_t token, const Failure* failure) = 0;
  // A replica that answered a strict read has made and seen no greater stamp than this. Before anything is written
  // because of what was read, this node's clock is to be past it: so a write that was given up, and that only
  // the others of its quorum have, does not come before one that was acknowledged later.
  virtual void peer_stamp(engine::Stamp stamp) = 0;
  // `record` is empty when the peer knows nothing of the key or could not say.
  virtual void fetch_done(uint64_t token, const KeyName& key, std::string_view record) = 0;
  // The keys (a sequence of `key`) have changes that `target` did not get, and nobody else keeps a hint of
  // it.
  // False: there is no room for it. Kept, it is as durable as the write once the pass is committed.
  virtual bool hint(NodeIndex target, std::string_view keys) = 0;
  // A replica has stored these changes (a sequence of `change`, as they were shipped), of a write that is not
  // done; but by greater stamps, up to `stamp`, it shows writes in their place that their author had not seen.
  // Whoever was acknowledged before must not hide who is acknowledged later: the changes are to be made anew
  // above `stamp` and brought to as many by write_again(), for all `tokens`. Until then each of these has to
  // wait for one more write_done().
  virtual void overruled(std::span<const uint64_t> tokens, std::string_view changes, engine::Stamp stamp,
                         const QuorumOptions& options, int64_t began_us) = 0;
  // Calls mend(), now or later. Never: the writes that wait for it run out of time. Of this key at this peer
  // nothing more is told until then.
  virtual void gap(const Gap& gap) = 0;
  // The peer has a newer topology: what it was asked waits for set_placement(). Comes in the middle, too.
  virtual void newer_epoch(NodeIndex peer) = 0;
};

class Coordinator {
 public:
  // `order` is what the coordinators of a node share; null where there is one only.
  Coordinator(Wire& wire, CoordinatorListener& listener, OrderedChanges* order = nullptr)
      : wire_(wire), listener_(listener), order_(order) {}

  // What to serve by from now on; flush() first. Nodes keep their numbers. Before the first call, requests must not
  // begin.
  void set_placement(std::shared_ptr<const Placement> placement);

  // Whether a request could reach its quorum if every node that is healthy now answered. Nothing: it could.
  std::optional<Failure> hopeless(uint16_t partition, const Consistency& consistency, QuorumMode mode,
                                  bool write) const;

  // Partitions with the same set of replicas have the same number, below sets().
  uint16_t set_of(uint16_t partition) const { return set_of_[partition]; }
  size_t sets() const { return sets_.size(); }

  // Ships changes to keys of one partition. `changes` is a sequence of `change`. The local copy counts as
  // acknowledged: with appendfsync always the caller holds the reply until it is durable as well. `ordered`:
  // how many of the changes OrderedChanges::begin() has counted; what becomes of them ends them there.
  // `began_us`: from when on its time runs, now or earlier.
  void begin_write(uint16_t partition, std::string_view changes, const QuorumOptions& options, int64_t now_us,
                   int64_t began_us, uint64_t token, size_t ordered = 0);
  // Answers overruled(), with changes to keys of one partition: like begin_write(), for several tokens and in
  // the time that the first attempt began in. Not from within a call of the listener.
  void write_again(uint16_t partition, std::string_view changes, const QuorumOptions& options, int64_t now_us,
                   int64_t began_us, std::span<const uint64_t> tokens);
  // Asks the replicas of the partition to agree to changes (all of them ChangeForm::kIf) that depend on what was
  // read, in the time that began then. Nobody stands in for a replica. This node counts, though it has stored
  // nothing: until attempt_done() it lets nothing overtake them. Who does not have them in the end gets a hint.
  void begin_attempt(uint16_t partition, std::string_view changes, const QuorumOptions& options,
                     int64_t now_us, int64_t began_us, uint64_t token);
  // The batch that a write to the partition may join; 0: none, it has to begin by itself, as a replica is not
  // healthy or this node is none. Numbers are not used again. `ordered`: some of its changes are.
  uint64_t batch_for(uint16_t partition, const QuorumOptions& options, int64_t now_us, bool ordered = false);
  // Like begin_write(), but for the moment: the batch leaves with the next flush(), or earlier. `batch` is
  // what batch_for() has just returned for the partition. `token` 0: what becomes of this write is told with
  // that of another one of the batch. Append its changes, a sequence of `change`, to what is returned, before
  // anything else is asked of the coordinator.
  std::string& join(uint64_t batch, uint16_t partition, uint64_t token, size_t ordered = 0);
  // The time of the batch runs from then on, unless it runs already: what has joined it last was asked for earlier.
  void began(uint64_t batch, int64_t began_us);
  // Sends what has joined a batch.
  void flush(int64_t now_us);
  // Asks for the versions of keys of one partition, until `options.read` is satisfied together with this
  // node. Done at once when this node alone is enough. `keys` is a sequence of `key`.
  void begin_read(uint16_t partition, std::string_view keys, const QuorumOptions& options, int64_t now_us,
                  uint64_t token);
  // The same for `count` keys, in one message with other reads of the moment whose replicas are the same
  // nodes: it leaves with the next flush(), or earlier, and they have one fate. False: it has to begin by
  // itself, as a replica is not healthy or this node is none.
  bool join_read(uint16_t partition, std::string_view keys, size_t count, const QuorumOptions& options,
                 int64_t now_us, uint64_t token);
  // Asks every other replica that can be reached, and nobody else. read_done() comes when all have answered,
  // are lost or out of time; versions() then has those that answered.
  void begin_survey(uint16_t partition, std::string_view keys, int64_t timeout_ms, int64_t now_us,
                    uint64_t token);
  // What the peers said to a read that is done, key by key in the order asked; forgotten with forget_read().
  const std::vector<std::vector<PeerVersion>>* versions(uint64_t token) const;
  void forget_read(uint64_t token) { finished_reads_.erase(token); }
  void begin_fetch(NodeIndex peer, const KeyName& key, int64_t now_us, int64_t timeout_ms, uint64_t token);
  // Brings changes to these nodes and to no others: for repair and for hints. write_done() tells whether all
  // have them.
  void begin_push(std::span<const NodeIndex> nodes, std::string_view changes, int64_t timeout_ms,
                  int64_t now_us, uint64_t token);
  // Answers gap() with a `change` of the key, whole or a difference, and the context of what is here (as for
  // `seen`). Empty: there is nothing here.
  void mend(uint64_t repair, std::string_view change, std::string_view context);

  // A frame that answers one of ours. Anything malformed or unexpected is dropped (a late answer is normal).
  void receive(NodeIndex from, FrameKind kind, uint64_t correlation, std::string_view payload);
  // What was sent to it and not answered will not be.
  void peer_lost(NodeIndex node);
  // Ends what is out of time. Call every few milliseconds.
  void tick(int64_t now_us);
  // A part of something large has gone to the node; a part of an answer has come. Their time begins anew.
  void moved_to(NodeIndex node, int64_t now_us);
  void moved(uint64_t id, int64_t now_us);
  // Nobody listened for so long: what has been answered meanwhile is not late.
  void excuse(int64_t us);
  // Whose writes are large and under way.
  void visit_large(absl::FunctionRef<void(uint64_t token)> visit) const;

  size_t under_way() const { return requests_.size() + repairs_.size(); }
  // Writes to the partition are on their way to replicas, which are therefore behind for a moment.
  bool writing(uint16_t partition) const { return obligations_.owed(partition); }
  Obligations& obligations() { return obligations_; }
  // Adds the partitions of which this node owes events from before the mark that others may not find here, or owed
  // some at it or since.
  void add_owed(uint64_t mark, PartitionSet* partitions) const;

 private:
  enum class Kind : uint8_t { kWrite, kPush, kRead, kFetch, kAttempt };
  // Somebody asked, for the replica in `slot` of the preference list (himself, or as his stand-in).
  struct Contact {
    NodeIndex node;
    uint8_t slot;
    bool stand_in;
    bool open;
    uint32_t gaps = 0;   // Changes that wait for the repair of their records.
    bool stale = false;  // It has a newer topology: it is asked again.
    // Where it was not sent all changes of the request: the numbers of those.
    std::vector<uint32_t> numbers = {};
  };
  struct Request {
    Request(Kind k, const Tally& t) : kind(k), tally(t) {}
    Kind kind;
    bool done = false;
    bool survey = false;     // Of a read: what is answered counts, though not all answer.
    uint16_t partition = 0;  // Whose walk finds who stands in. Of a batch: of its first write.
    absl::InlinedVector<uint64_t, 1> tokens;
    absl::InlinedVector<size_t, 1> key_counts;  // Of a read: how many keys belong to each token.
    absl::InlinedVector<uint16_t, 2> owed;      // Partitions of a write, once for each that joined.
    absl::InlinedVector<uint16_t, 2> ordered;   // Those of its ordered changes, once for each.
    uint64_t mark = 0;                          // The last one before the first of these.
    bool held = false;                          // This node holds all that is owed.
    Tally tally;
    QuorumOptions options;
    int64_t began_us = 0;
    Patience patience;
    std::string keys;  // Of a read or fetch: what was asked.
    // Of a write: the message to replicas, its changes from a position on. A large one is shared with the links.
    std::string message;
    SharedBytes large;
    size_t changes_from = 0;
    bool uneven = false;  // Not all of its changes concern all of its replicas: the ring has changed since.
    size_t counted = 0;   // Of the message, in OrderedChanges::bytes(); or in large_bytes().
    bool counted_as_large = false;
    absl::InlinedVector<NodeIndex, 5> replicas;
    absl::InlinedVector<Contact, 5> contacts;
    std::vector<std::vector<PeerVersion>> versions;
    // Of an attempt: by slot, who has it; whether others than this node do; whether one refused it because of
    // what it holds, one may have it, and it was agreed.
    uint64_t taken = 0;
    bool others_took = false, refused = false, doubtful = false, agreed = false;
    std::vector<std::pair<uint64_t, engine::Stamp>>
        overruled;  // Changes, by number, and what was told of them.
  };
  // A record at a peer (for whom it stands in, if it does) that is brought up to date.
  struct Repair {
    std::string place;  // In repair_of_.
    std::string key;
    NodeIndex peer = 0;
    NodeIndex target = kNoNode;
    bool written = false;
    bool sent = false;
    int rounds = 0;
    int64_t began_us = 0, timeout_ms = 0;
    Patience patience;
    // Requests of which a change waits, once for each: of what was there when it was sent, and made since.
    std::vector<uint64_t> covered, later;
    std::string change, context;  // What was sent.
    bool stale = false;           // The peer has a newer topology: it is sent again.
  };
  using Requests = absl::flat_hash_map<uint64_t, Request>;
  // Whom a partition's writes go to, in no order of preference.
  struct ReplicaSet {
    absl::InlinedVector<NodeIndex, 5> nodes;  // Ascending.
    bool own = false;                         // This node is one of those that are read.
  };
  struct Batch {
    uint64_t number;
    uint16_t set;
    size_t members;
    Request request;
    int64_t began_us = INT64_MAX;  // No later than when it is sent.
  };

  // What the listener is to be told, once no request is being changed.
  struct News {
    Kind kind;
    absl::InlinedVector<uint64_t, 1> tokens;
    std::optional<Failure> failure;
    // Of a fetch, the key and the record; of a gap, the key and what the peer has seen.
    std::string keys, record;
    uint64_t repair = 0;  // Not 0: a gap.
    NodeIndex peer = 0;
    std::string listed = {};
  };

  Request make(Kind kind, uint16_t partition, const QuorumOptions& options, int64_t now_us);
  absl::InlinedVector<uint8_t, 5> datacenters_of(std::span<const NodeIndex> nodes) const;
  Request& begin(Kind kind, uint16_t partition, const QuorumOptions& options, int64_t now_us, uint64_t token,
                 uint64_t* id);
  void find_sets();
  Batch* open_batch(Kind kind, uint16_t partition, const QuorumOptions& options, int64_t now_us);
  void send_batch(uint64_t id, Request& request);
  void finish_read(Request& request, bool failed);
  void tell();
  void tell(const News& news);
  void set_changes(std::string_view changes, Request* request) const;
  static std::string_view message_of(const Request& request) {
    return request.large != nullptr ? *request.large : request.message;
  }
  static int64_t until_us(const Request& request) {
    return request.patience.until_us(request.began_us, request.options.timeout_ms * 1000);
  }
  bool send_message(NodeIndex node, uint64_t id, const Request& request);
  static std::string_view changes_of(const Request& request) {
    return message_of(request).substr(request.changes_from);
  }
  bool contacted(const Request& request, NodeIndex node) const;
  bool send_write(uint64_t id, Request& request, size_t slot);
  void stand_in(uint64_t id, Request& request, size_t slot);
  void ask_more(uint64_t id, Request& request);
  bool ask(uint64_t id, Request& request, NodeIndex node, size_t slot, bool stand_in);
  void lose(uint64_t id, Request& request, Contact& contact);
  // coordinator_changes.cc
  void follow(uint64_t id);
  [[nodiscard]] bool widen(uint64_t id, Request& request);
  bool concerns(const Request& request, NodeIndex node) const;
  std::string changes_for(const Request& request, NodeIndex node, std::vector<uint32_t>* numbers) const;
  std::string keys_for(const Request& request, NodeIndex node) const;
  void owe_hint(const Request& request, size_t slot);
  void answered_stale(uint64_t id, Request& request, Contact& contact, MessageReader& reply);
  void ask_again(uint64_t id, Request& request, size_t contact);
  bool send_mend(uint64_t id, Repair& repair);
  void ship(uint64_t id, Request& request, uint16_t partition, std::string_view changes);
  void tell_overruled(Request& request, MessageReader& reply);
  void write_answered(uint64_t id, Request& request, Contact& contact, MessageReader& reply,
                      ReplyResult result);
  void read_answered(uint64_t id, Request& request, Contact& contact, MessageReader& reply,
                     ReplyResult result);
  // --- coordinator_attempts.cc
  void attempt_answered(Request& request, Contact& contact, ReplyResult result);
  void lose_attempt(Request& request, Contact& contact);
  void decide_attempt(Request& request, bool timed_out);
  void owe(const Request& request, size_t slot);
  void fetch_answered(uint64_t id, Request& request, MessageReader& reply, ReplyResult result);
  void stored(uint64_t id, Request& request, Contact& contact, MessageReader* hidden = nullptr);
  // coordinator_repairs.cc
  void begin_repair(uint64_t id, const Request& request, const Contact& contact, const KeyName& key,
                    const GapItem& gap);
  void ask_for_difference(uint64_t id, std::string_view seen, std::string_view listed);
  void repair_answered(uint64_t id, std::string_view payload);
  void mended(uint64_t id, NodeIndex peer);
  void fail_repair(uint64_t id);
  void end_repair(uint64_t id);
  void forget_repairs(NodeIndex peer);
  // Tells the listener if the tally has decided: that it is reached, at once; that it cannot be, when all who
  // were asked have answered, so that the numbers are right.
  void decide(uint64_t id, Request& request, bool timed_out);
  void expire(uint64_t id);
  bool settled(const Request& request) const;
  void erase_if_settled(uint64_t id);
  // The message is complete; its replicas have all answered, or are given up.
  void count_in(Request* request);
  void count_out(const Request& request);
  void count_owed(uint16_t partition, Request* request);
  bool holds_all(const Request& request) const;

  Wire& wire_;
  CoordinatorListener& listener_;
  OrderedChanges* const order_;
  std::vector<News> news_;
  std::shared_ptr<const Placement> placement_;
  std::vector<ReplicaSet> sets_;
  std::vector<uint16_t> set_of_;  // By partition.
  std::vector<Batch> batches_;    // That have not left, in the order of their first writes.
  uint64_t last_batch_ = 0;
  Requests requests_;
  absl::flat_hash_map<uint64_t, Repair> repairs_;
  absl::flat_hash_map<std::string, uint64_t> repair_of_;
  absl::flat_hash_map<uint64_t, std::vector<std::vector<PeerVersion>>> finished_reads_;
  Obligations obligations_;
  absl::flat_hash_set<uint64_t> large_;  // Of those under way, with a large message.
  uint64_t next_id_ = 1;
};

}  // namespace starling::cluster
