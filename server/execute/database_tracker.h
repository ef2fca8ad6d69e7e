// Which databases the commands of a transaction will work on, SELECT and SWAPDB before them considered: their
// keys are looked for before any of them runs.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "engine/core/engine.h"
#include "server/execute/command_table.h"

namespace starling::server {

class DatabaseTracker {
 public:
  // `count`: databases there are (the setting); SELECT of another one will be refused and changes nothing.
  DatabaseTracker(int selected, int count);

  int selected() const { return selected_; }
  // The index that a database has before the transaction.
  int before(int database) const { return before_[static_cast<size_t>(database)]; }
  // Takes into account what a command will have done. Its arguments need not make sense, but are as many as
  // they must.
  void follow(const Command& command, Arguments arguments);

 private:
  bool parse(std::string_view text, size_t* database) const;

  int selected_;
  int count_;
  std::array<int, engine::kDatabaseCount> before_;
};

}  // namespace starling::server
