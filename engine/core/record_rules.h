// What differs between the records of a node by itself and those of a cluster (Options::replicated), said once: whoever
// changes a record asks for the fact, not for the mode.
#pragma once

namespace starling::engine {

struct RecordRules {
  explicit RecordRules(bool replicated)
      : histories(replicated),
        tombstones(replicated),
        lapses(replicated),
        contributions(replicated),
        copies(replicated) {}

  const bool histories;   // What an event supersedes of other actors' stays in the record's context.
  const bool tombstones;  // What a delete leaves is a record, and stays.
  const bool lapses;  // A deadline that passes is no event: what the record shows changes, not what it is.
  const bool contributions;  // An increment adds to what others add at the same time.
  const bool copies;         // What moves to another key is made of new events there.
};

}  // namespace starling::engine
