// Which databases the commands of a transaction will work on, SELECT and SWAPDB before them considered: their
// keys are looked for before any of them runs.
#pragma once

#include <array>
#include <cstddef>

#include "engine/engine.h"
#include "server/command_table.h"

namespace starling::server {

class DatabaseTracker {
 public:
  explicit DatabaseTracker(int selected);

  int selected() const { return selected_; }
  // The index that a database has before the transaction.
  int before(int database) const { return before_[static_cast<size_t>(database)]; }
  // Takes into account what a command will have done. Its arguments need not make sense, but are as many as
  // they must.
  void follow(const Command& command, Arguments arguments);

 private:
  int selected_;
  std::array<int, engine::kDatabaseCount> before_;
};

}  // namespace starling::server
