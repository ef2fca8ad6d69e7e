#include "histories/workload/workload.h"

namespace starling::histories {

void Workload::finish(Client&, Time) {}

const std::map<std::string, MakeWorkload>& workloads() {
  static const std::map<std::string, MakeWorkload> all{
      {"registers", [](const Circumstances&) { return make_registers("registers"); }},
      {"fields", [](const Circumstances&) { return make_registers("fields"); }},
      {"members", [](const Circumstances&) { return make_registers("members"); }},
      {"locks", [](const Circumstances& c) { return make_locks(c.ttl_margin); }},
      {"once", [](const Circumstances&) { return make_once(); }},
      {"increments", [](const Circumstances&) { return make_increments(); }},
      {"updates", [](const Circumstances&) { return make_updates(); }},
      {"chains", [](const Circumstances&) { return make_chains(); }},
      {"expiry", [](const Circumstances& c) { return make_expiry(c.ttl_margin); }},
      {"siblings", [](const Circumstances&) { return make_siblings(); }},
      {"sums", [](const Circumstances&) { return make_sums(); }},
      {"hot-set", [](const Circumstances&) { return make_hot(false); }},
      {"hot-hash", [](const Circumstances&) { return make_hot(true); }},
      {"idle", [](const Circumstances&) { return make_idle(); }},
  };
  return all;
}

}  // namespace starling::histories
