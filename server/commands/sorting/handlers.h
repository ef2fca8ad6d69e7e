// The handlers of SORT and SORT_RO, and what else their declarations refer to.
#pragma once

#include <vector>

#include "server/execute/command.h"

namespace starling::server::sorting {

void sort(CommandContext& context);
void sort_ro(CommandContext& context);
bool find_sort_keys(Arguments arguments, std::vector<int>* positions);

}  // namespace starling::server::sorting
