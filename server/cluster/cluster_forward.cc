// Requests that other nodes answer: sent, asked again when a link breaks, and answered: ClusterThread's part
// between its clients and the tunnels of other nodes.
#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/cluster/forward_frame.h"
#include "server/cluster/forward_prefix.h"
#include "server/cluster/tracking_exchange.h"
#include "server/execute/database_tracker.h"
#include "server/execute/dispatcher.h"
#include "server/execute/script/script_cache.h"
#include "server/execute/script/sha1.h"
#include "server/io_thread.h"
#include "server/server.h"

namespace starling::server {
namespace {

using cluster::FrameKind;
using cluster::NodeIndex;

// A forward is asked again for so long after it was sent first. Nodes remember what they did for longer.
constexpr int64_t kRetryForUs = 20'000'000;
// One that may only wait, after its link broke: what it may have taken is still there to be had, and if not, its client
// waits elsewhere.
constexpr int64_t kRetryWaitForUs = 3'000'000;

// A transaction that ran.
bool is_array(std::string_view reply) {
  return reply.starts_with('*') && !reply.starts_with("*-");
}

}  // namespace

// Nothing of a client overtakes what it sent before to the same partition. Direct: it would run here, not
// behind what went the same way.
bool ClusterThread::overtakes(const Client& client, const engine::KeyRef& key, NodeIndex target,
                              bool direct) const {
  return std::any_of(client.forwarded.begin(), client.forwarded.end(),
                     [&](const Client::Forwarded& forwarded) {
                       return forwarded.partition == key.key.partition &&
                              (forwarded.node != target || direct || client.parked_forwards != 0);
                     });
}

ForwardPrefix ClusterThread::prefix_of(const Client& client) const {
  ForwardPrefix prefix;
  prefix.database = client.database;
  prefix.protocol = client.reply.protocol();
  prefix.quorum = quorum_of(client);
  const bool free = client.rights.free_in == io_thread_.server().users().generation();
  if (!free || client.user_name() != acl::kDefaultUser) prefix.user = client.user_name();
  if (client.tracking == nullptr || !client.tracking->remembers()) [[likely]]
    return prefix;
  prefix.tracked = tracking_->all_understand();
  // Nobody will tell of what is read there.
  if (!prefix.tracked) io_thread_.invalidations().tell_later(client, std::make_shared<const Invalidation>());
  return prefix;
}

Forward ClusterThread::new_forward(const Client& client, NodeIndex target, bool writes) const {
  Forward forward;
  forward.client_id = client.id();
  forward.node = placement_->id_of(target);
  forward.first_sent_us = now_us();
  forward.deadline_us = forward.first_sent_us + quorum_of(client).timeout_ms * 1000 + kForwardSlackUs;
  forward.writes = writes;
  forward.stood_still_us = stood_still_us_;
  return forward;
}

bool ClusterThread::transmit(uint64_t correlation, Forward& forward, bool repeated) {
  ForwardFrame frame;
  frame.origin = forward.client_id;
  const bool here = forward.node == node_.id();
  frame.life = forward.retry == Retry::kSameNode && !here ? (forward.waits ? waits_life_ : life_) : 0;
  frame.settled = forwards_.settled(forward.waits);
  frame.repeated = repeated;
  frame.replies = forward.replies;
  frame.requests = forward.requests;
  ForwardFrame sent_before;
  if (forward.large != nullptr && decode_forward(*forward.large, &sent_before))
    frame.requests = sent_before.requests;
  // By the clock of where it runs: from then on nobody begins with it.
  const std::optional<int64_t> deadline_us =
      here ? forward.run_before_us() : links_.peer_time_us(forward.node, forward.run_before_us());
  if (!deadline_us) return false;
  frame.deadline_us = *deadline_us;
  std::string payload = encode_forward(frame);
  if (here) {
    tunnels_.on_forward(kOwnLink, correlation, {}, 0, std::move(payload));
    return true;
  }
  if (payload.size() < cluster::kLanePayloadBytes) {
    if (!links_.send(forward.node, FrameKind::kForward, correlation, payload, order_of(forward.client_id)))
      return false;
  } else {
    const auto large = std::make_shared<const std::string>(std::move(payload));
    if (!links_.send_shared(forward.node, FrameKind::kForward, correlation, large,
                            order_of(forward.client_id)))
      return false;
    forward.requests = std::string();
    forward.large = large;
  }
  const BusLinks::Sent sent = links_.sent(forward.node);
  forward.sent_link = sent.link;
  forward.sent_until = sent.until;
  return true;
}

uint64_t ClusterThread::send_forward(Client& client, Forward forward) {
  const cluster::NodeId node = forward.node;
  forward.node_life = links_.life_of(node);
  // There it waits for its turn behind what is as large, is carried out, and brought to other nodes.
  const int64_t work_us = cluster::work_us(forward.requests.size(), forward.partitions.size());
  forward.deadline_us += work_us;
  forward.patience.longer_us = 2 * work_us;
  const uint64_t correlation = forwards_.add(std::move(forward));
  if (!transmit(correlation, *forwards_.find(correlation), false)) {
    Forward unsent;
    (void)forwards_.take(correlation, &unsent);
    return 0;
  }
  if (node != node_.id()) statistics_.forwards.add(1);
  // What asks for whole keyspaces has a time of its own.
  if (Forward* sent = forwards_.find(correlation);
      sent != nullptr && !sent->partitions.empty() && !sent->waits && work_us == 0) {
    sent->counted = true;
    window_.sent(node);
  }
  if (std::find(client.forward_nodes.begin(), client.forward_nodes.end(), node) ==
      client.forward_nodes.end()) {
    client.forward_nodes.push_back(node);
  }
  return correlation;
}

// Sends it, and leaves a place for its answer among the client's replies.
void ClusterThread::await_forward(Client& client, Forward forward, NodeIndex target,
                                  std::span<const engine::KeyRef> keys) {
  const bool writes = forward.writes;
  const uint64_t held_id = forward.held_id = next_token_++;
  forward.silent = client.reply_mode == ReplyMode::kOff || client.reply_mode == ReplyMode::kSkipThis;
  for (const engine::KeyRef& key : keys) forward.partitions.push_back(key.key.partition);
  const uint64_t correlation = send_forward(client, std::move(forward));
  if (correlation == 0) {
    return refuse(client, "NOQUORUM the node that coordinates this key cannot be reached; nothing was done");
  }
  const uint64_t from = client.output.position();
  Dispatcher::apply_reply_mode(client, from);
  client.held_replies.hold(held_id, from, client.output);
  if (writes)
    client.forwarded_writes.add(keys.size() == 1 ? std::optional(keys[0].key.partition) : std::nullopt);
  if (keys.size() == 1) {
    client.forwarded.push_back({correlation, keys[0].key.partition, target});
  } else {
    note_forwarded(client, correlation, target, keys);
  }
}

std::shared_ptr<const Script> ClusterThread::name_by_text(const Command& command,
                                                          std::vector<std::string_view>* words) const {
  if ((command.spec->flags & kScriptBySha) == 0) return nullptr;
  const std::optional<Sha1> sha = sha1_from_hex((*words)[1]);
  if (!sha) return nullptr;
  std::shared_ptr<const Script> script = io_thread_.server().scripts().find(*sha);
  if (script == nullptr) return nullptr;
  (*words)[0] = (command.spec->flags & kReadOnly) != 0 ? "EVAL_RO" : "EVAL";
  (*words)[1] = script->text;
  return script;
}

void ClusterThread::forward(Client& client, NodeIndex target, Arguments arguments,
                            std::span<const engine::KeyRef> keys, bool writes) {
  Forward forward = new_forward(client, target, writes);
  forward.retry = writes ? Retry::kSameNode : Retry::kAnywhere;
  forward.requests = encode_forwarded(prefix_of(client), arguments);
  await_forward(client, std::move(forward), target, keys);
}

void ClusterThread::forward_watch(Client& client, NodeIndex target, Arguments arguments,
                                  std::span<const engine::KeyRef> keys) {
  const std::string_view unwatch[] = {"UNWATCH"};
  Forward forward = new_forward(client, target, false);
  forward.watch = true;
  if (!client.remote_watch) {
    // What it watched there before, it may have given up here.
    forward.requests = encode_forwarded(prefix_of(client), unwatch);
    forward.replies = 2;
    client.remote_watch = {target, keys[0].key.partition};
  }
  forward.requests += encode_forwarded(prefix_of(client), arguments);
  await_forward(client, std::move(forward), target, keys);
}

// MULTI, what was queued, EXEC: in one frame, so that all of it arrives or nothing. Only the last reply is
// the client's.
void ClusterThread::forward_transaction(Client& client, NodeIndex target,
                                        std::span<const engine::KeyRef> keys, bool writes) {
  const bool watches = client.remote_watch.has_value();
  const Transaction transaction = std::exchange(client.transaction, {});
  client.unwatch_all(io_thread_.server().watches());
  const std::string_view unwatch[] = {"UNWATCH"};
  const std::string_view multi[] = {"MULTI"};
  const std::string_view exec[] = {"EXEC"};
  const ForwardPrefix prefix = prefix_of(client);
  Forward forward = new_forward(client, target, writes);
  forward.retry = watches ? Retry::kNever : writes ? Retry::kSameNode : Retry::kAnywhere;
  if (!watches) forward.requests = encode_forwarded(prefix, unwatch);
  forward.requests += encode_forwarded(prefix, multi);
  DatabaseTracker databases(client.database, static_cast<int>(io_thread_.server().settings().databases));
  bool selects = false;
  for (const QueuedCommand& queued : transaction.queue) {
    std::vector<std::string_view> words = queued.arguments;
    const std::shared_ptr<const Script> script = name_by_text(*queued.command, &words);
    if (script != nullptr &&
        !io_thread_.dispatcher().may_run(client, *io_thread_.server().commands().find(words[0]), words))
      words = queued.arguments;
    forward.requests += encode_forwarded(prefix, words);
    databases.follow(*queued.command, queued.arguments);
    selects |= queued.command->spec->renumbers == Renumbers::kSelects;
  }
  forward.requests += encode_forwarded(prefix, exec);
  forward.replies = static_cast<int>(transaction.queue.size()) + (watches ? 2 : 3);
  if (selects) forward.database_after = databases.selected();
  const size_t before = client.held_replies.size();
  await_forward(client, std::move(forward), target, keys);
  if (!selects || client.held_replies.size() == before) return;
  // In which database it goes on is not known before the answer.
  client.awaits_reply = true;
  client.wait_for(Waiting::kForNodes);
}

// --- Answers, and none.

bool ClusterThread::refused_as_late(Client& client, int64_t deadline_us) {
  if (now_us() < deadline_us) [[likely]]
    return false;
  statistics_.forwards_late.add(1);
  refuse(client, "NOQUORUM the request came to its coordinating node too late; nothing was done");
  return true;
}

void ClusterThread::finish_forward(uint64_t correlation, const Forward& forward, std::string_view reply,
                                   bool lost) {
  if (forward.counted) {
    const int64_t timeout_us = forward.deadline_us - kForwardSlackUs - forward.first_sent_us;
    for (const uint64_t client :
         window_.ended(forward.node, forward.first_sent_us, now_us(), timeout_us, !lost))
      wake(client);
  }
  if (forward.broadcast_token != 0) {
    const auto held = writes_.find(forward.broadcast_token);
    if (held != writes_.end() && reply.starts_with('-') && held->second.failure.empty())
      held->second.failure = reply;
    return write_done(forward.broadcast_token, nullptr);
  }
  if (Client* client = io_thread_.find_client(forward.client_id); client != nullptr) {
    std::erase_if(client->forwarded,
                  [correlation](const Client::Forwarded& f) { return f.correlation == correlation; });
    if (forward.parked) --client->parked_forwards;
    if (client->resent_forward == correlation) client->resent_forward = 0;
    if (forward.watch && reply.starts_with('-') && client->remote_watch) client->remote_watch->lost = true;
    if (forward.database_after) {
      client->awaits_reply = false;
      if (is_array(reply)) client->database = *forward.database_after;
    }
  }
  if (forward.waits) {
    finish_wait(correlation, forward, reply, lost);
  } else if (forward.gather_token != 0) {
    take_part(forward.gather_token, forward.part, reply, lost);
  } else {
    release(forward.client_id, forward.held_id, forward.silent ? std::string_view() : reply);
  }
  wake(forward.client_id);
}

void ClusterThread::lose_forward(uint64_t correlation, std::string_view how) {
  Forward forward;
  if (!forwards_.take(correlation, &forward)) return;
  statistics_.forwards_lost.add(1);
  finish_forward(correlation, forward,
                 "-NOQUORUM the coordinating node " + std::string(how) +
                     (forward.writes ? "; the write may still take effect\r\n" : "\r\n"),
                 true);
}

// Its time is up. Where it has not even arrived, over a link on which nothing moves, it must not do so any more.
// (Over one that is merely slow it may, and is refused as late: its frame says until when it may run.)
void ClusterThread::time_out(uint64_t correlation) {
  const Forward* forward = forwards_.find(correlation);
  if (forward == nullptr) return;
  const bool lost = forward->parked;
  const bool withdrawn =
      forward->sent_link != 0 && links_.withdraw(forward->sent_link, FrameKind::kForward, correlation);
  if (forward->writes && !forward->waits && forward->sent_link != 0 && !withdrawn) {
    // What else is under way on that link is parked, this one too.
    const int64_t patience_ms = (forward->deadline_us - forward->first_sent_us) / 2000;
    links_.reset_unless_arrived({forward->sent_link, forward->sent_until}, patience_ms,
                                "a forwarded write did not arrive in time");
  }
  lose_forward(correlation, lost ? "was lost" : "did not answer in time");
}

// --- What is large: as long as it is on its way, and worked on, its time begins anew.

void ClusterThread::on_sending(const cluster::NodeId& peer, LinkId, FrameKind kind, uint64_t correlation,
                               std::optional<int64_t> age_us) {
  if (kind == FrameKind::kWrite || kind == FrameKind::kHint) {
    const NodeIndex index = placement_ == nullptr ? cluster::kNoNode : placement_->number_of(peer);
    if (index != cluster::kNoNode) coordinator_.moved_to(index, now_us());
  }
  Forward* const forward = kind == FrameKind::kForward ? forwards_.find(correlation) : nullptr;
  if (forward == nullptr || forward->node != peer) return;
  forward->patience.note_moved(now_us());
  // What its client sent behind it waits for it.
  if (Client* client = io_thread_.find_client(forward->client_id); client != nullptr) {
    for (const Client::Forwarded& behind : client->forwarded) {
      Forward* const other = forwards_.find(behind.correlation);
      if (other != nullptr && other->node == peer) other->patience.note_moved(now_us());
    }
  }
  if (!age_us) return;
  // By so much later it may begin there, too.
  forward->deadline_us += *age_us;
  forward->sent_until = links_.sent(peer).until;
}

void ClusterThread::on_receiving(const cluster::NodeId&, FrameKind kind, uint64_t correlation) {
  if (kind == FrameKind::kForwardReply) return on_working(correlation);
  if (kind == FrameKind::kVersionReply || kind == FrameKind::kStateReply)
    coordinator_.moved(correlation, now_us());
}

void ClusterThread::on_working(uint64_t correlation) {
  if (Forward* const forward = forwards_.find(correlation); forward != nullptr)
    forward->patience.note_moved(now_us());
}

// Clients of other nodes, whose writes are large and on their way from here.
void ClusterThread::tell_working() {
  absl::flat_hash_set<uint64_t> told;
  coordinator_.visit_large([this, &told](uint64_t token) {
    const auto write = writes_.find(token);
    if (write == writes_.end() || !told.insert(write->second.client_id).second) return;
    Client* client = io_thread_.find_client(write->second.client_id);
    if (client != nullptr && !client->closing && client->tunnel != nullptr) client->tunnel->tell_working();
  });
}

// The link to its node is gone, and whether it arrived is not known. Of what changes something the client learns that
// when nobody can begin with it any more, and no sooner: what the client does next it must not undo.
void ClusterThread::break_forward(uint64_t correlation) {
  Forward* const broken = forwards_.find(correlation);
  if (broken == nullptr) return;
  Forward& forward = *broken;
  Client* client = io_thread_.find_client(forward.client_id);
  if (client == nullptr || client->closing || (forward.retry == Retry::kNever && !forward.writes))
    return lose_forward(correlation, "was lost");
  if (client->resent_forward == correlation) client->resent_forward = 0;
  if (forward.retry == Retry::kAnywhere && go_elsewhere(*client, correlation, forward)) return;
  if (forward.waits && !forward.parked) forward.first_sent_us = now_us();
  if (!forward.parked) ++client->parked_forwards;
  forward.parked = true;
  parked_.push_back(correlation);
}

// Reading twice harms nobody: another replica is asked.
bool ClusterThread::go_elsewhere(Client& client, uint64_t correlation, Forward& forward) {
  if (placement_ == nullptr || forward.partitions.empty()) return false;
  for (const NodeIndex node : placement_->replicas(forward.partitions[0])) {
    const cluster::NodeId& id = placement_->id_of(node);
    const bool holds = std::all_of(forward.partitions.begin(), forward.partitions.end(),
                                   [&](uint16_t partition) { return placement_->holds(partition, node); });
    if (id == forward.node || !holds || !healthy(node)) continue;
    const cluster::NodeId lost = std::exchange(forward.node, id);
    if (!transmit(correlation, forward, false)) {
      forward.node = lost;
      continue;
    }
    statistics_.forwards_repeated.add(1);
    if (forward.counted) window_.moved(lost, id);
    if (std::find(client.forward_nodes.begin(), client.forward_nodes.end(), id) == client.forward_nodes.end())
      client.forward_nodes.push_back(id);
    for (Client::Forwarded& forwarded : client.forwarded) {
      if (forwarded.correlation == correlation) forwarded.node = node;
    }
    return true;
  }
  return false;
}

// Nobody knows any more what became of it: the process that may have begun it is gone.
bool ClusterThread::given_up(const Forward& forward, int64_t now) const {
  const Client* client = io_thread_.find_client(forward.client_id);
  if (client == nullptr || client->closing) return true;
  // As long as somebody may begin with what changes something its client must not go on without it.
  if (now - forward.first_sent_us > (forward.waits ? kRetryWaitForUs : kRetryForUs) &&
      (!forward.writes || now >= forward.run_before_us()))
    return true;
  // Who only reads has other nodes to hope for.
  if (forward.retry == Retry::kAnywhere) return links_.refuses(forward.node) && !relinking(*client);
  return links_.refuses(forward.node) ||
         (links_.connected(forward.node) && links_.life_of(forward.node) != forward.node_life);
}

// Asks again what links that broke left open, once they are back: of each client one at a time, in their
// order.
void ClusterThread::resend_parked() {
  if (parked_.empty()) return;
  std::vector<uint64_t> parked = std::exchange(parked_, {});
  std::sort(parked.begin(), parked.end());
  const int64_t now = now_us();
  for (const uint64_t correlation : parked) {
    Forward* forward = forwards_.find(correlation);
    if (forward == nullptr) continue;
    if (given_up(*forward, now)) {
      lose_forward(correlation, "was lost");
      continue;
    }
    Client& client = *io_thread_.find_client(forward->client_id);
    if (forward->retry == Retry::kAnywhere && go_elsewhere(client, correlation, *forward)) continue;
    if (forward->retry == Retry::kNever || client.resent_forward != 0 || !links_.connected(forward->node) ||
        !transmit(correlation, *forward, true)) {
      parked_.push_back(correlation);
      continue;
    }
    client.resent_forward = correlation;
    statistics_.forwards_repeated.add(1);
  }
}

}  // namespace starling::server
