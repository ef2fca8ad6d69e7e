#include "server/tracking/client_tracking.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace starling::server {
namespace {

constexpr std::string_view kMustNotOverlap = "'. Prefixes for a single client must not overlap.";

bool overlap(std::string_view a, std::string_view b) {
  const size_t common = std::min(a.size(), b.size());
  return a.substr(0, common) == b.substr(0, common);
}

std::string collision(const ClientTracking* now, const std::vector<std::string>& wanted) {
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (now != nullptr) {
      for (const std::string& existing : now->options.prefixes) {
        if (overlap(existing, wanted[i])) {
          return "ERR Prefix '" + wanted[i] + "' overlaps with an existing prefix '" + existing +
                 std::string(kMustNotOverlap);
        }
      }
    }
    for (size_t j = i + 1; j < wanted.size(); ++j) {
      if (overlap(wanted[i], wanted[j])) {
        return "ERR Prefix '" + wanted[i] + "' overlaps with another provided prefix '" + wanted[j] +
               std::string(kMustNotOverlap);
      }
    }
  }
  return {};
}

}  // namespace

std::string tracking_refusal(const ClientTracking* now, const TrackingOptions& wanted) {
  if (!wanted.broadcast && !wanted.prefixes.empty())
    return "ERR PREFIX option requires BCAST mode to be enabled";
  if (now != nullptr && now->options.broadcast != wanted.broadcast) {
    return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then "
           "re-enabling it with a different mode.";
  }
  if (wanted.broadcast && (wanted.opt_in || wanted.opt_out))
    return "ERR OPTIN and OPTOUT are not compatible with BCAST";
  if (wanted.opt_in && wanted.opt_out) return "ERR You can't specify both OPTIN mode and OPTOUT mode";
  if (now != nullptr &&
      ((wanted.opt_in && now->options.opt_out) || (wanted.opt_out && now->options.opt_in))) {
    return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then "
           "re-enabling it with a different mode.";
  }
  return wanted.broadcast ? collision(now, wanted.prefixes) : std::string();
}

void apply_tracking(const TrackingOptions& wanted, ClientTracking* tracking) {
  std::vector<std::string> prefixes = std::move(tracking->options.prefixes);
  tracking->options = wanted;
  tracking->redirect_broken = false;
  if (wanted.broadcast && wanted.prefixes.empty()) tracking->options.prefixes.emplace_back();
  std::vector<std::string>& all = tracking->options.prefixes;
  all.insert(all.end(), prefixes.begin(), prefixes.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
}

}  // namespace starling::server
