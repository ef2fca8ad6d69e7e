// What the families of hash and set commands share.
#pragma once

#include <string_view>
#include <vector>

#include "engine/memory/collection.h"
#include "server/execute/command.h"
#include "server/settings.h"

namespace starling::server {

// True when Redis would keep the collection in its compact form (listpack, intset): few and short elements,
// for sets integers only. Visits all elements of one that has few. Of lists as of Redis 7.2: earlier ones have no
// compact form.
bool is_compact(const Settings& settings, const engine::Collection& collection);

// The order in which Redis shows the members of a set: those of an intset, which a set of few integers and nothing else
// is there, ascend. Others stay as they are.
void order_members(const Settings& settings, std::vector<engine::Collection::Element>* members);

// Puts the elements in arguments 2 and following into the key in argument 1, which is `absent` or of that type;
// a hash's are fields and values by turns. Returns how many are new.
int64_t put_elements(CommandContext& context, engine::Type type, bool absent);

// Whole handlers, for a key of `type` in argument 1:
// The number of elements.
void reply_size(CommandContext& context, engine::Type type);
// Whether it has the element in argument 2.
void reply_contains(CommandContext& context, engine::Type type);
// Removes the elements in arguments 2 and following, and publishes `event` if there were any.
void remove_elements(CommandContext& context, engine::Type type, NotifyClass event_class,
                     std::string_view event);
// One step of a scan: the cursor is argument 2, options follow.
void scan_collection(CommandContext& context, engine::Type type);

}  // namespace starling::server
