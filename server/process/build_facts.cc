#include "server/process/build_facts.h"

// Made by build_facts.cmake at every build: the macros STARLING_*.
#include "starling_build_facts.h"

namespace starling::server {

const BuildFacts& build_facts() {
  static constexpr BuildFacts kFacts = {STARLING_VERSION, STARLING_COMMIT, STARLING_CHANGED,
                                        STARLING_BUILD_TYPE};
  return kFacts;
}

}  // namespace starling::server
