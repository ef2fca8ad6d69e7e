// The classes of keyspace notifications (notify-keyspace-events).
#pragma once

#include <cstdint>

namespace starling::server {

enum NotifyClass : uint32_t {
  kNotifyGeneric = 1u << 0,
  kNotifyString = 1u << 1,
  kNotifyList = 1u << 2,
  kNotifySet = 1u << 3,
  kNotifyHash = 1u << 4,
  kNotifySortedSet = 1u << 5,
  kNotifyExpired = 1u << 6,
  kNotifyEvicted = 1u << 7,
  kNotifyStream = 1u << 8,
  kNotifyKeyMiss = 1u << 9,
  kNotifyNew = 1u << 10,
  // Only in the setting's value: 'd' (accepted; there are no modules),
  // 'K' (to __keyspace@<db>__:<key>), 'E' (to __keyevent@<db>__:<event>).
  kNotifyModule = 1u << 11,
  kNotifyKeyspace = 1u << 30,
  kNotifyKeyevent = 1u << 31,
};

}  // namespace starling::server
