#include "server/replica_of/byte_socket.h"

#include <sys/uio.h>

#include <utility>
#include <vector>

namespace starling::server {
namespace {

constexpr size_t kReadBytes = 64 << 10;
// Before others of the loop have their turn.
constexpr int kReadsPerTurn = 16;

}  // namespace

std::shared_ptr<ByteSocket> ByteSocket::open(EventLoop& loop, int fd, Events events) {
  std::shared_ptr<ByteSocket> socket(new ByteSocket(std::move(events)));
  socket->connection_.emplace(loop, fd, *socket);
  socket->connection_->watch(true, false);
  return socket;
}

void ByteSocket::on_events(int events) {
  const std::shared_ptr<ByteSocket> self = shared_from_this();
  if ((events & kBroken) != 0) return end("the connection broke");
  if ((events & kWritable) != 0) flush();
  if ((events & kReadable) != 0) read();
}

void ByteSocket::read() {
  std::vector<char> room(kReadBytes);
  for (int i = 0; i < kReadsPerTurn && connection_; ++i) {
    const IoResult result = connection_->read(room.data(), room.size());
    if (result.kind == IoResult::kWouldBlock) return;
    if (result.kind == IoResult::kClosed) return end("it closed the connection");
    if (result.kind == IoResult::kFailed) return end("the connection broke");
    events_.came({room.data(), result.bytes});
    if (result.bytes < room.size()) return;
  }
}

void ByteSocket::send(std::string_view bytes) {
  if (!connection_) return;
  output_.append(bytes);
  flush();
}

void ByteSocket::flush() {
  while (connection_ && unsent() != 0) {
    const iovec piece{output_.data() + sent_, unsent()};
    const IoResult result = connection_->write(&piece, 1);
    // That it broke, reading tells.
    if (result.kind != IoResult::kOk) break;
    sent_ += result.bytes;
  }
  if (!connection_) return;
  if (unsent() == 0) {
    output_.clear();
    output_.shrink_to_fit();
    sent_ = 0;
  }
  connection_->watch(true, unsent() != 0);
}

void ByteSocket::close() {
  connection_.reset();
}

void ByteSocket::end(const std::string& why) {
  if (!connection_) return;
  close();
  events_.ended(why);
}

}  // namespace starling::server
