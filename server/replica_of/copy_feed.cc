#include "server/replica_of/copy_feed.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "server/replica_of/request_text.h"

namespace starling::server {
namespace {

// Of what was sent and is not answered. Above it nothing more is wanted.
constexpr size_t kMostUnansweredBytes = 1 << 20, kMostUnanswered = 4096;
constexpr size_t kPieceBytes = 64 << 10;

// What an error begins with, or has in it, that says nothing of whether the command would always come to it.
constexpr std::string_view kUncertainCodes[] = {"LOADING",  "BUSY ",   "CLUSTERDOWN", "NOQUORUM",
                                                "TRYAGAIN", "MISCONF", "READONLY",    "NOAUTH",
                                                "NOPERM",   "OOM",     "MASTERDOWN"};
constexpr std::string_view kUncertainWords[] = {"may still take effect", "nothing was done", "was lost",
                                                "reading from disk failed"};

bool uncertain(std::string_view error) {
  return std::any_of(std::begin(kUncertainCodes), std::end(kUncertainCodes),
                     [error](std::string_view code) { return error.starts_with(code); }) ||
         std::any_of(std::begin(kUncertainWords), std::end(kUncertainWords),
                     [error](std::string_view words) { return error.find(words) != std::string_view::npos; });
}

// A name that came from elsewhere, in a message.
std::string shown(std::string_view name) {
  constexpr size_t kShownBytes = 64;
  std::string text(name.substr(0, kShownBytes));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  return "'" + text + (name.size() > kShownBytes ? "…'" : "'");
}

// `name`: in capitals.
bool is(std::string_view word, std::string_view name) {
  return std::equal(word.begin(), word.end(), name.begin(), name.end(),
                    [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - 'a' + 'A' : a) == b; });
}

}  // namespace

void CopyFeed::begin_copy(int64_t offset) {
  output_.clear();
  unanswered_.clear();
  unanswered_bytes_ = 0;
  answers_ = AnswerReader();
  stream_.reset();
  file_ = std::make_unique<RdbFileReader>(options_.largest_string);
  file_whole_ = ack_wanted_ = false;
  database_ = 0;
  keys_loaded_ = errors_ = 0;
  last_error_.clear();
  failure_.clear();
  applied_ = fed_ = offset;
  phase_ = Phase::kDropping;
  send(std::array<std::string_view, 2>{"FLUSHALL", "SYNC"}, Kind::kDrop, "FLUSHALL");
  send(std::array<std::string_view, 3>{"FUNCTION", "FLUSH", "SYNC"}, Kind::kDrop, "FUNCTION FLUSH");
}

void CopyFeed::fail(std::string why) {
  if (phase_ == Phase::kFailed || phase_ == Phase::kIdle) return;
  phase_ = Phase::kFailed;
  failure_ = std::move(why);
  output_.clear();
  unanswered_.clear();
  unanswered_bytes_ = 0;
}

size_t CopyFeed::wanted() const {
  const bool takes = phase_ == Phase::kFollowing || (phase_ == Phase::kLoading && !file_whole_);
  return takes && unanswered_bytes_ < kMostUnansweredBytes && unanswered_.size() < kMostUnanswered
             ? kPieceBytes
             : 0;
}

void CopyFeed::feed(std::string_view bytes) {
  if (phase_ == Phase::kLoading) return feed_file(bytes);
  if (phase_ == Phase::kFollowing) feed_stream(bytes);
}

std::string CopyFeed::take_output() {
  return std::exchange(output_, {});
}

bool CopyFeed::take_ack_wanted() {
  // It asks about what was sent before it.
  if (!unanswered_.empty() && applied_ < ack_wanted_at_) return false;
  return std::exchange(ack_wanted_, false);
}

void CopyFeed::send(std::span<const std::string_view> arguments, Kind kind, std::string_view what,
                    int64_t offset) {
  const size_t before = output_.size();
  append_request(arguments, &output_);
  const auto bytes = static_cast<uint32_t>(std::min<size_t>(output_.size() - before, UINT32_MAX));
  unanswered_bytes_ += bytes;
  unanswered_.push_back({kind, bytes, offset, std::string(what)});
}

// --- The file.

void CopyFeed::feed_file(std::string_view bytes) {
  file_->feed(bytes);
  for (;;) {
    RdbItem item;
    switch (file_->next(&item)) {
      case RdbFileReader::Result::kMore:
        return;
      case RdbFileReader::Result::kWrong:
        return fail(file_->error());
      case RdbFileReader::Result::kItem:
        load(item);
        if (phase_ == Phase::kFailed) return;
        break;
      case RdbFileReader::Result::kEnd:
        if (file_->unused() != 0) return fail("something stands behind the RDB file's end");
        file_whole_ = true;
        send(std::array<std::string_view, 2>{"SELECT", "0"}, Kind::kSelect, "SELECT");
        return;
    }
  }
}

void CopyFeed::file_ended() {
  if (phase_ == Phase::kLoading && !file_whole_) fail(file_->truncated());
}

void CopyFeed::load(const RdbItem& item) {
  if (item.kind == RdbItem::Kind::kLibrary) {
    // One that means nothing here keeps no data from coming; it is told of as a command that failed is.
    send(std::array<std::string_view, 4>{"FUNCTION", "LOAD", "REPLACE", item.text}, Kind::kLibrary,
         "a library of functions");
    return;
  }
  if (item.kind != RdbItem::Kind::kValue) return;
  if (item.database >= options_.databases)
    return fail("it has keys in database " + std::to_string(item.database) + ", and there are " +
                std::to_string(options_.databases) + " here (0 to " + std::to_string(options_.databases - 1) +
                ")");
  if (item.database != database_) {
    database_ = item.database;
    send(std::array<std::string_view, 2>{"SELECT", std::to_string(database_)}, Kind::kSelect, "SELECT");
  }
  // 0 is no deadline, and one that is long over is as good as 1.
  const std::string deadline = std::to_string(item.has_deadline ? std::max<int64_t>(item.deadline_ms, 1) : 0);
  const std::string used = std::to_string(item.idle_seconds >= 0 ? item.idle_seconds : item.frequency);
  std::vector<std::string_view> arguments = {"RESTORE", item.name, deadline, item.text, "REPLACE", "ABSTTL"};
  if (item.idle_seconds >= 0 || item.frequency >= 0) {
    arguments.push_back(item.idle_seconds >= 0 ? "IDLETIME" : "FREQ");
    arguments.push_back(used);
  }
  send(arguments, Kind::kLoad, "the key " + shown(item.name));
}

// --- The stream.

void CopyFeed::feed_stream(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::span<char> room = stream_->prepare();
    const size_t size = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), size);
    stream_->commit(size);
    bytes.remove_prefix(size);
    fed_ += static_cast<int64_t>(size);
    resp::Request request;
    resp::RequestParser::Status status;
    while ((status = stream_->next(&request)) == resp::RequestParser::Status::kRequest)
      pass_on(request.arguments, fed_ - static_cast<int64_t>(stream_->buffered()));
    if (status == resp::RequestParser::Status::kError)
      return fail("its stream of commands makes no sense behind offset " + std::to_string(applied_) + ": " +
                  std::string(stream_->error()));
  }
}

void CopyFeed::pass_on(std::span<const std::string_view> arguments, int64_t offset) {
  const std::string_view word = arguments[0];
  bool passes = !is(word, "PING");
  if (is(word, "REPLCONF")) {
    passes = false;
    if (arguments.size() > 1 && is(arguments[1], "GETACK")) {
      ack_wanted_ = true;
      ack_wanted_at_ = offset;
    }
  }
  if (options_.apart && (is(word, "MULTI") || is(word, "EXEC"))) passes = false;
  if (passes && options_.knows != nullptr && !options_.knows(word)) {
    passes = false;
    ++errors_;
    last_error_ = shown(word) + ": there is no such command here";
  }
  if (passes) return send(arguments, is(word, "SELECT") ? Kind::kSelect : Kind::kStream, shown(word), offset);
  // It counts with what is before it.
  if (unanswered_.empty()) {
    applied_ = offset;
  } else {
    unanswered_.back().offset = offset;
  }
}

// --- Answers.

void CopyFeed::answered(std::string_view bytes) {
  while (!bytes.empty() && phase_ != Phase::kFailed) {
    const AnswerReader::Result result = answers_.read(&bytes);
    if (result == AnswerReader::Result::kMore) return;
    if (result == AnswerReader::Result::kWrong || unanswered_.empty())
      return fail("this server's own answer makes no sense");
    const Sent sent = std::move(unanswered_.front());
    unanswered_.pop_front();
    unanswered_bytes_ -= sent.bytes;
    take_answer(sent, answers_.error());
    if (unanswered_.empty()) when_all_answered();
  }
}

void CopyFeed::take_answer(const Sent& sent, const std::string& error) {
  if (error.empty()) {
    if (sent.kind == Kind::kLoad || sent.kind == Kind::kLibrary) ++keys_loaded_;
  } else if ((sent.kind != Kind::kStream && sent.kind != Kind::kLibrary) || uncertain(error)) {
    return fail((sent.kind == Kind::kDrop   ? "what was here could not be dropped: "
                 : sent.kind == Kind::kLoad ? sent.what + " could not be loaded: "
                                            : sent.what + " failed: ") +
                error);
  } else {
    ++errors_;
    last_error_ = sent.what + ": " + error;
  }
  if (sent.offset != 0) applied_ = sent.offset;
}

void CopyFeed::when_all_answered() {
  if (phase_ == Phase::kDropping) {
    phase_ = Phase::kLoading;
  } else if (phase_ == Phase::kLoading && file_whole_) {
    phase_ = Phase::kFollowing;
    file_.reset();
    resp::ParserLimits limits;
    limits.max_bulk_bytes = static_cast<int64_t>(options_.largest_string);
    stream_ = std::make_unique<resp::RequestParser>(limits);
  }
}

}  // namespace starling::server
