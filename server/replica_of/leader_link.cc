#include "server/replica_of/leader_link.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "resp/number.h"
#include "server/replica_of/request_text.h"

namespace starling::server {
namespace {

constexpr size_t kLongestLine = 4096, kMarkBytes = 40;
constexpr std::string_view kFullSync = "+FULLRESYNC ", kGoOn = "+CONTINUE", kMarked = "$EOF:";

}  // namespace

LeaderLink::LeaderLink(Sink& sink, Options options) : sink_(sink), options_(std::move(options)) {}

void LeaderLink::start() {
  ask(Asked::kPing);
}

bool LeaderLink::fail(std::string why) {
  phase_ = Phase::kFailed;
  failure_ = std::move(why);
  return false;
}

void LeaderLink::ask(Asked what) {
  if (what == Asked::kAuth && options_.password.empty()) what = Asked::kPort;
  asked_ = what;
  switch (what) {
    case Asked::kPing:
      return sink_.send(request_text({"PING"}));
    case Asked::kAuth:
      if (options_.user.empty()) return sink_.send(request_text({"AUTH", options_.password}));
      return sink_.send(request_text({"AUTH", options_.user, options_.password}));
    case Asked::kPort:
      return sink_.send(request_text({"REPLCONF", "listening-port", std::to_string(options_.port)}));
    case Asked::kAbilities:
      return sink_.send(request_text({"REPLCONF", "capa", "eof", "capa", "psync2"}));
    case Asked::kSync:
      if (options_.id.empty()) return sink_.send(request_text({"PSYNC", "?", "-1"}));
      return sink_.send(request_text({"PSYNC", options_.id, std::to_string(options_.offset + 1)}));
  }
}

bool LeaderLink::receive(std::string_view bytes) {
  while (!bytes.empty()) {
    if (phase_ == Phase::kFailed) return false;
    if (phase_ == Phase::kStream) {
      sink_.stream_bytes(bytes);
      return true;
    }
    if (phase_ == Phase::kFile) {
      mark_.empty() ? take_file(&bytes) : take_marked_file(&bytes);
      continue;
    }
    const size_t end = bytes.find('\n');
    line_.append(bytes.substr(0, end));
    if (line_.size() > kLongestLine) return fail("it does not speak Redis's protocol");
    if (end == std::string_view::npos) return true;
    bytes.remove_prefix(end + 1);
    while (line_.ends_with('\r')) line_.pop_back();
    const std::string line = std::exchange(line_, {});
    if (!line.empty() && !take_line(line)) return false;
  }
  return phase_ != Phase::kFailed;
}

bool LeaderLink::take_line(std::string_view line) {
  return phase_ == Phase::kAwaitingFile ? begin_file(line) : take_answer(line);
}

bool LeaderLink::take_answer(std::string_view line) {
  const bool error = line.starts_with('-');
  if (!error && !line.starts_with('+')) return fail("it answered '" + std::string(line) + "'");
  switch (asked_) {
    case Asked::kPing: {
      // Those are what it says while it waits for a password.
      const auto says = [line](std::string_view code) { return line.starts_with(code); };
      if (error && !says("-NOAUTH") && !says("-NOPERM") && !says("-ERR operation not permitted"))
        return fail("it answered '" + std::string(line.substr(1)) + "'");
      ask(Asked::kAuth);
      return true;
    }
    case Asked::kAuth:
      if (error)
        return fail("it takes neither masteruser nor masterauth: '" + std::string(line.substr(1)) + "'");
      ask(Asked::kPort);
      return true;
    case Asked::kPort:
      ask(Asked::kAbilities);
      return true;
    case Asked::kAbilities:
      ask(Asked::kSync);
      return true;
    case Asked::kSync:
      return take_sync_answer(line);
  }
  return false;
}

bool LeaderLink::take_sync_answer(std::string_view line) {
  if (line.starts_with(kFullSync)) {
    const std::string_view rest = line.substr(kFullSync.size());
    const size_t space = rest.find(' ');
    int64_t offset = 0;
    if (space == std::string_view::npos || space == 0 ||
        !resp::parse_integer(rest.substr(space + 1), &offset) || offset < 0)
      return fail("it answered '" + std::string(line) + "'");
    phase_ = Phase::kAwaitingFile;
    sink_.full_sync(rest.substr(0, space), offset);
    return true;
  }
  if (line.starts_with(kGoOn) && !options_.id.empty()) {
    std::string_view id = line.substr(kGoOn.size());
    while (id.starts_with(' ')) id.remove_prefix(1);
    phase_ = Phase::kStream;
    sink_.go_on(id);
    return true;
  }
  return fail("it answered '" + std::string(line.substr(line.starts_with('-') ? 1 : 0)) + "'");
}

bool LeaderLink::begin_file(std::string_view header) {
  mark_.clear();
  left_ = -1;
  if (header.starts_with(kMarked)) {
    mark_ = header.substr(kMarked.size());
    if (mark_.size() != kMarkBytes) return fail("the mark of its RDB file's end is not of 40 bytes");
  } else if (!header.starts_with('$') || !resp::parse_integer(header.substr(1), &left_) || left_ < 0) {
    return fail("in place of an RDB file it sent '" +
                std::string(header.substr(header.starts_with('-') ? 1 : 0)) + "'");
  }
  phase_ = Phase::kFile;
  sink_.file_begins(left_);
  if (left_ == 0) end_file();
  return true;
}

void LeaderLink::take_file(std::string_view* bytes) {
  const std::string_view part = bytes->substr(0, static_cast<size_t>(left_));
  bytes->remove_prefix(part.size());
  left_ -= static_cast<int64_t>(part.size());
  sink_.file_bytes(part);
  if (left_ == 0) end_file();
}

void LeaderLink::take_marked_file(std::string_view* bytes) {
  const size_t held = tail_.size();
  tail_.append(*bytes);
  const size_t mark = tail_.find(mark_);
  if (mark == std::string::npos) {
    const size_t done = tail_.size() - std::min(tail_.size(), kMarkBytes - 1);
    if (done != 0) sink_.file_bytes(std::string_view(tail_).substr(0, done));
    tail_.erase(0, done);
    *bytes = {};
    return;
  }
  bytes->remove_prefix(mark + kMarkBytes - held);
  if (mark != 0) sink_.file_bytes(std::string_view(tail_).substr(0, mark));
  tail_.clear();
  end_file();
}

// What it is told may have ended the conversation.
void LeaderLink::end_file() {
  phase_ = Phase::kStream;
  sink_.file_ends();
}

}  // namespace starling::server
