// Changes that replicas are asked to agree to, before they count anywhere: the attempts of the coordinator.
#include <algorithm>

#include "cluster/data/coordinator.h"

namespace starling::cluster {

void Coordinator::begin_attempt(uint16_t partition, std::string_view changes, const QuorumOptions& options,
                                int64_t now_us, int64_t began_us, uint64_t token) {
  flush(now_us);
  uint64_t id;
  Request& request = begin(Kind::kAttempt, partition, options, began_us, token, &id);
  set_changes(changes, &request);
  count_owed(partition, &request);
  for (size_t slot = 0; slot < request.replicas.size(); ++slot) {
    if (request.replicas[slot] == placement_->self) {
      request.tally.acknowledge(slot);
      request.taken |= uint64_t{1} << slot;
    } else if (!send_write(id, request, slot)) {
      request.tally.fail(slot);
    }
  }
  decide_attempt(request, false);
  erase_if_settled(id);
}

void Coordinator::attempt_answered(Request& request, Contact& contact, ReplyResult result) {
  contact.open = false;
  const size_t slot = contact.slot;
  if (result == ReplyResult::kOk) {
    request.tally.acknowledge(slot);
    request.taken |= uint64_t{1} << slot;
    request.others_took = true;
  } else {
    // Where the log has failed it is in memory, and may last.
    request.tally.fail(slot);
    request.refused |= result == ReplyResult::kConflict;
    request.doubtful |= result == ReplyResult::kUnavailable || result == ReplyResult::kRefused;
    if (request.agreed) owe(request, slot);
  }
  decide_attempt(request, false);
}

// Whether it was taken there nobody knows.
void Coordinator::lose_attempt(Request& request, Contact& contact) {
  contact.open = false;
  request.doubtful = true;
  request.tally.fail(contact.slot);
  if (request.agreed) owe(request, contact.slot);
  decide_attempt(request, false);
}

void Coordinator::owe(const Request& request, size_t slot) {
  owe_hint(request, slot);
}

void Coordinator::decide_attempt(Request& request, bool timed_out) {
  if (request.done) return;
  const bool open = std::any_of(request.contacts.begin(), request.contacts.end(),
                                [](const Contact& contact) { return contact.open; });
  if (request.tally.reached()) {
    request.done = request.agreed = true;
    listener_.attempt_done(request.tokens.front(), AttemptOutcome::kAgreed, nullptr);
    for (size_t slot = 0; slot < request.replicas.size(); ++slot) {
      const bool asked = std::any_of(request.contacts.begin(), request.contacts.end(),
                                     [slot](const Contact& c) { return c.slot == slot && c.open; });
      if ((request.taken >> slot & 1) == 0 && !asked) owe(request, slot);
    }
    return;
  }
  if (open && !timed_out) return;
  request.done = true;
  // Who has said that our topology is old has done nothing.
  const bool unanswered = std::any_of(request.contacts.begin(), request.contacts.end(),
                                      [](const Contact& contact) { return contact.open && !contact.stale; });
  const bool nowhere = !unanswered && !request.doubtful && !request.others_took;
  Failure failure;
  failure.begun = !nowhere;
  failure.answered = request.tally.acknowledged();
  failure.needed = request.tally.needed();
  failure.replicas = request.tally.replicas();
  failure.timeout_ms = request.options.timeout_ms;
  failure.timed_out = timed_out;
  failure.write = true;
  listener_.attempt_done(request.tokens.front(),
                         nowhere ? AttemptOutcome::kRefused : AttemptOutcome::kUnknown,
                         nowhere && request.refused ? nullptr : &failure);
}

}  // namespace starling::cluster
