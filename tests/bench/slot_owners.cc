#include "tests/bench/slot_owners.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace starling::bench {
namespace {

constexpr size_t kMaxReplyBytes = 16 << 20;
constexpr uint16_t kUnowned = UINT16_MAX;

constexpr std::array<uint16_t, 256> kCrcTable = [] {
  std::array<uint16_t, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    unsigned crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1) ^ ((crc & 0x8000) != 0 ? 0x1021 : 0);
    table[byte] = static_cast<uint16_t>(crc);
  }
  return table;
}();

// Walks over RESP2, value by value.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool header(char type, int64_t* number) {
    const size_t end = rest_.find("\r\n");
    if (end == std::string_view::npos || end == 0 || rest_[0] != type) return false;
    const auto [stop, error] = std::from_chars(rest_.data() + 1, rest_.data() + end, *number);
    if (error != std::errc() || stop != rest_.data() + end) return false;
    rest_.remove_prefix(end + 2);
    return true;
  }
  bool bulk(std::string_view* text) {
    int64_t length = 0;
    if (!header('$', &length)) return false;
    if (length < 0 || static_cast<size_t>(length) + 2 > rest_.size()) return false;
    *text = rest_.substr(0, static_cast<size_t>(length));
    rest_.remove_prefix(static_cast<size_t>(length) + 2);
    return true;
  }
  // Any value, with what is in it.
  bool skip() {
    int64_t number = 0;
    std::string_view text;
    if (rest_.empty()) return false;
    if (rest_[0] == '$') return bulk(&text);
    if (rest_[0] != '*') return header(rest_[0], &number);
    if (!header('*', &number)) return false;
    for (int64_t i = 0; i < number; ++i)
      if (!skip()) return false;
    return true;
  }

 private:
  std::string_view rest_;
};

// node := host port id detail…
bool read_node(Reader& reader, Address* address) {
  int64_t fields = 0;
  int64_t port = 0;
  std::string_view host;
  if (!reader.header('*', &fields) || fields < 2 || !reader.bulk(&host) || !reader.header(':', &port))
    return false;
  *address = {std::string(host), static_cast<int>(port)};
  for (int64_t i = 2; i < fields; ++i)
    if (!reader.skip()) return false;
  return true;
}

// range := first last master replica…
bool read_range(Reader& reader, SlotOwners* owners) {
  int64_t fields = 0;
  int64_t first = 0;
  int64_t last = 0;
  Address master;
  if (!reader.header('*', &fields) || fields < 3 || !reader.header(':', &first) ||
      !reader.header(':', &last) || !read_node(reader, &master))
    return false;
  if (first < 0 || first > last || last >= static_cast<int64_t>(kSlots)) return false;
  for (int64_t i = 3; i < fields; ++i)
    if (!reader.skip()) return false;
  auto found = std::find(owners->nodes.begin(), owners->nodes.end(), master);
  if (found == owners->nodes.end()) found = owners->nodes.insert(found, master);
  const auto index = static_cast<uint16_t>(found - owners->nodes.begin());
  std::fill(owners->owner.begin() + first, owners->owner.begin() + last + 1, index);
  return true;
}

// Everything that comes until it is a whole reply or too much.
bool receive_reply(int fd, SlotOwners* owners) {
  std::string reply;
  char buffer[16384];
  while (reply.size() < kMaxReplyBytes) {
    const ssize_t received = recv(fd, buffer, sizeof buffer, 0);
    if (received <= 0) return false;
    reply.append(buffer, static_cast<size_t>(received));
    if (reply[0] == '-') return false;
    if (parse_slot_owners(reply, owners)) return true;
  }
  return false;
}

}  // namespace

uint16_t slot_of(std::string_view key) {
  uint16_t crc = 0;
  for (const char c : key)
    crc = static_cast<uint16_t>((crc << 8) ^ kCrcTable[((crc >> 8) ^ static_cast<uint8_t>(c)) & 0xff]);
  return crc % kSlots;
}

bool parse_slot_owners(std::string_view reply, SlotOwners* owners) {
  *owners = {};
  owners->owner.fill(kUnowned);
  Reader reader(reply);
  int64_t ranges = 0;
  if (!reader.header('*', &ranges)) return false;
  for (int64_t i = 0; i < ranges; ++i)
    if (!read_range(reader, owners)) return false;
  return std::find(owners->owner.begin(), owners->owner.end(), kUnowned) == owners->owner.end();
}

bool fetch_slot_owners(const Address& node, SlotOwners* owners, std::string* error) {
  constexpr std::string_view kRequest = "*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n";
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(node.port));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool asked =
      fd >= 0 && inet_pton(AF_INET, node.host.c_str(), &address.sin_addr) == 1 &&
      connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(kRequest.size());
  if (!asked) *error = std::string("CLUSTER SLOTS: ") + std::strerror(errno);
  const bool ok = asked && receive_reply(fd, owners);
  if (asked && !ok) *error = "CLUSTER SLOTS: no reply that gives every slot a master";
  if (fd >= 0) close(fd);
  return ok;
}

}  // namespace starling::bench
