// What the leader sends: kept, looked through, and applied by a client of this server's own.
#include <algorithm>
#include <utility>

#include "server/replica_of/follower.h"

namespace starling::server {
namespace {

constexpr int64_t kMostDelayMs = 30'000, kFirstDelayMs = 1000;
constexpr int64_t kTellErrorsMs = 10'000;
// Of a stream that is all applied: from there on its file is given back.
constexpr uint64_t kKeptSpoolBytes = 1 << 20;

}  // namespace

// --- What it says.

void Follower::full_sync(std::string_view id, int64_t offset) {
  host_.log(false, "The leader " + address() + " sends all its data, as of offset " + std::to_string(offset) +
                       " of the history " + std::string(id));
  close_client();
  feed_.reset();
  file_.clear();
  stream_.clear();
  id_.clear();
  coming_id_ = id;
  coming_offset_ = offset;
  checked_ = std::make_unique<RdbFileReader>(host_.limits().largest_string);
}

void Follower::go_on(std::string_view id) {
  if (!id.empty()) id_ = id;
  last_error_.clear();
  host_.log(false, "The leader " + address() + " goes on behind offset " + std::to_string(received_));
}

void Follower::file_begins(int64_t size) {
  file_size_ = size;
}

void Follower::file_bytes(std::string_view bytes) {
  if (!broken_.empty()) return;
  broken_ = file_.put(bytes);
  if (!broken_.empty()) return;
  checked_->feed(bytes);
  const int databases = host_.limits().databases;
  for (RdbItem item;;) {
    const RdbFileReader::Result result = checked_->next(&item);
    if (result == RdbFileReader::Result::kWrong) broken_ = "its RDB file is refused: " + checked_->error();
    if (result != RdbFileReader::Result::kItem) return;
    if (item.kind != RdbItem::Kind::kValue) continue;
    const std::string where = ", at byte " + std::to_string(item.offset) + " of the file";
    if (item.database >= databases) {
      broken_ = "it has keys in database " + std::to_string(item.database) + ", and there are " +
                std::to_string(databases) + " here" + where;
    } else if (item.text.size() > host_.limits().largest_string) {
      broken_ = "a value takes more than the " + std::to_string(host_.limits().largest_string) +
                " bytes that a request may have (proto-max-bulk-len)" + where;
    } else if (!rdb_value_readable(item)) {
      broken_ = "its RDB file is refused: a value is damaged" + where;
    }
    if (!broken_.empty()) return;
  }
}

void Follower::file_ends() {
  if (!broken_.empty()) return;
  RdbItem none;
  if (checked_->next(&none) != RdbFileReader::Result::kEnd || checked_->unused() != 0) {
    broken_ = "its RDB file is refused: " + checked_->truncated();
    return;
  }
  checked_.reset();
  broken_ = begin_copy();
}

void Follower::stream_bytes(std::string_view bytes) {
  if (!broken_.empty()) return;
  broken_ = stream_.put(bytes);
  received_ += static_cast<int64_t>(bytes.size());
}

// --- The client by which it is applied.

std::string Follower::open_client() {
  const int fd = host_.open_client();
  if (fd < 0) return "this server has no descriptor for a client of its own";
  client_socket_ = ByteSocket::open(loop_, fd,
                                    {.came =
                                         [this](std::string_view bytes) {
                                           if (feed_ == nullptr) return;
                                           feed_->answered(bytes);
                                           pump();
                                           report();
                                         },
                                     .ended =
                                         [this](const std::string&) {
                                           if (feed_ == nullptr) return;
                                           feed_->fail("the client that applies it was closed");
                                           pump();
                                         }});
  return {};
}

void Follower::close_client() {
  if (client_socket_ == nullptr) return;
  host_.close_client();
  client_socket_->close();
  client_socket_.reset();
}

// The whole file is here, and was looked through.
std::string Follower::begin_copy() {
  std::string failure = open_client();
  if (!failure.empty()) return failure;
  if (failure = host_.remember({configured_, leader_, false}); !failure.empty()) return failure;
  complete_ = false;
  set_state(FollowerRole::State::kIncomplete);
  id_ = coming_id_;
  received_ = coming_offset_;
  host_.log(false,
            "Dropping what is here, then loading " + std::to_string(file_.left()) + " bytes of " + address());
  feed_ = std::make_unique<CopyFeed>(host_.limits());
  feed_->begin_copy(coming_offset_);
  // A leader that does not know its file's size waits for that before it sends its stream.
  acknowledge();
  return {};
}

void Follower::pump() {
  while (feed_some()) {
  }
}

// False: nothing more can be done until something else happens.
bool Follower::feed_some() {
  if (feed_ == nullptr) return false;
  if (feed_->phase() == CopyFeed::Phase::kFailed) {
    copy_failed(std::string(feed_->failure()));
    return false;
  }
  if (const std::string output = feed_->take_output(); !output.empty()) client_socket_->send(output);
  if (stopping_ != nullptr) {
    if (feed_->phase() == CopyFeed::Phase::kLoading) finish_stopping("");
    return false;
  }
  const bool following = feed_->phase() == CopyFeed::Phase::kFollowing;
  if (following && !complete_) copied();
  if (feed_->take_ack_wanted() && link_ != nullptr) acknowledge();
  if (feed_->wanted() == 0) return false;
  std::string failure;
  Spool& spool = following ? stream_ : file_;
  const std::string bytes = spool.take(feed_->wanted(), &failure);
  if (!failure.empty()) {
    feed_->fail(failure);
  } else if (!bytes.empty()) {
    feed_->feed(bytes);
  } else if (following) {
    if (stream_.taken() > kKeptSpoolBytes) stream_.clear();
    return false;
  } else {
    feed_->file_ended();
  }
  return true;
}

void Follower::copied() {
  complete_ = true;
  failures_ = 0;
  last_error_.clear();
  told_errors_ = 0;
  file_.clear();
  host_.log(false, "All data of " + address() + " are here, " + std::to_string(feed_->keys_loaded()) +
                       " keys; following it");
  if (const std::string failure = host_.remember({configured_, leader_, true}); !failure.empty())
    host_.log(true, "After a restart this copy would not count: " + failure);
  set_state(FollowerRole::State::kFollowing);
}

void Follower::copy_failed(const std::string& why) {
  if (stopping_ != nullptr) return finish_stopping(why);
  last_error_ = why;
  ++failures_;
  const int64_t delay_ms = std::min(kMostDelayMs, kFirstDelayMs << std::min<int64_t>(failures_, 10));
  host_.log(true, "Copying " + address() + " failed, and begins again in " + std::to_string(delay_ms / 1000) +
                      " s: " + why);
  drop_link();
  close_client();
  feed_.reset();
  file_.clear();
  stream_.clear();
  id_.clear();
  retry_after(delay_ms);
  report();
}

void Follower::tell_errors() {
  if (feed_ == nullptr || feed_->errors() == told_errors_) return;
  const int64_t now_ms = host_.monotonic_ms();
  if (told_errors_ != 0 && now_ms - errors_told_ms_ < kTellErrorsMs) return;
  errors_told_ms_ = now_ms;
  told_errors_ = feed_->errors();
  host_.log(true, std::to_string(told_errors_) + " commands of " + address() +
                      " came to an error here, so what they did there is missing; the last one: " +
                      feed_->last_error());
}

}  // namespace starling::server
