// How records in memory become rows of the store, and the rule that keeps a checkpoint exact.
#pragma once

#include <string_view>
#include <vector>

#include "engine/core/core.h"

namespace starling::engine {

// The row of a record itself: a string, a collection's header, or the erasure that a tombstone stands for (in
// a cluster it is a row like any other). With the elements stored apart that do not show, with the range
// erasure of its elements when the entry says that stale ones may be there, and the deadline's row. Marks the
// entry as kOnDisk.
void append_record_rows(EngineCore& core, const DatabaseTables& tables, const Key& key, Entry& entry,
                        std::vector<Row>* rows);
// The row of one element of a collection, or its erasure. Marks the element as kOnDisk.
void append_element_row(EngineCore& core, const DatabaseTables& tables, const Key& key,
                        const Collection& collection, Entry& element, std::vector<Row>* rows);
// The rows of a collection's elements that have `tag`.
void append_dirty_elements(EngineCore& core, const DatabaseTables& tables, const Key& key,
                           const Collection& collection, DirtyTag tag, std::vector<Row>* rows);

// True when a checkpoint under way still has to write the record in this slot as it is now. The stripe is
// held.
bool must_save(const EngineCore& core, const Partition& partition, Table::Slot slot);
// Call before a record changes (its value, header or deadline): when a checkpoint under way still has to
// write the record as it is now, that is saved for it. The stripe is held.
void save_before_change(EngineCore& core, const DatabaseTables& tables, const Partition& partition,
                        Table::Slot slot, const Key& key);
// The same before the whole record, elements included, goes away.
void save_before_removal(EngineCore& core, const DatabaseTables& tables, const Partition& partition,
                         Table::Slot slot, const Key& key);
// The same before one element changes.
void save_element_before_change(EngineCore& core, const DatabaseTables& tables, const Partition& partition,
                                const Collection& collection, Table::Slot element_slot, const Key& key);

}  // namespace starling::engine
