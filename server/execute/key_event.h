// A keyspace event that is not told yet: of a script's run that may turn out not to count.
#pragma once

#include <string>

#include "server/notify_class.h"

namespace starling::server {

struct KeyEvent {
  NotifyClass event_class;
  std::string event;
  std::string key;
  int database;
};

}  // namespace starling::server
