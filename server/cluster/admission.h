// What becomes of a command before it runs: see ClusterThread::admit().
#pragma once

namespace starling::server {

enum class Admission {
  kRun,       // Here and now.
  kAnswered,  // Refused, or forwarded with its reply to come: it is done with.
  kWaits,     // Other nodes have been asked something; the request is held and starts over.
};

}  // namespace starling::server
