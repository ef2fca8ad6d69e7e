// What a history must keep to. Pure: a history in, the promises that it breaks out. Each takes the operations of
// the kinds it names and leaves the others alone. Time: n log n in a key's operations.
#pragma once

#include "histories/history.h"

namespace starling::histories {

// kWrite, kRead, kExchange of strict quorums. Values of a key are put once each, or any number of times: then a
// checker that cannot tell which one was read takes the one that excuses most.
//   - What is read was put by a write that had begun, and not by one that said that nothing was done.
//   - It was not replaced: no acknowledged write began after the answer to it (an error, too: what takes effect
//     after an error never supersedes what came after that answer), and was acknowledged before the read began.
//   - Reads do not go back: not behind what an earlier read returned, and not to and fro.
Violations check_registers(const History& history);

// kExchange: what one put, one is told of, at most; a key's first one alone is told that there was nothing.
Violations check_chains(const History& history);

// kAcquire, kRelease: of each lock one client at a time believes that it holds it: from the answer until its time to
// live, less `margin`, has passed since it asked, or until it asks to give it back.
Violations check_locks(const History& history, Time margin);

// kNext: no number is told twice, and they rise: what was asked for after another's answer is greater.
Violations check_numbers(const History& history);

// kExpiring, kRead, kRemaining on keys that are written once: seen while it lives, gone when it has died, and the time
// told is right, give or take `margin`.
Violations check_expiry(const History& history, Time margin);

// kVersion, then kSiblings: each acknowledged write shows, or was seen by one that shows or deleted it, or by one that
// was seen in its turn; and nothing shows that another one which is in force had seen. Values are unique.
Violations check_siblings(const History& history);

// kAdd, then kTotal: the total is the sum of what was acknowledged, and of some of what may have happened.
Violations check_totals(const History& history);

// All kinds: nobody waits longer than `limit` for the answer of a node that runs.
Violations check_answers(const History& history, Time limit);

// All kinds, for a time without faults: nothing fails.
Violations check_no_errors(const History& history);

}  // namespace starling::histories
