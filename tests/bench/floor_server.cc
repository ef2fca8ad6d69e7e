// starling-bench-floor: a libuv server that frames requests and answers each with a constant, storing
// nothing. What a server costs beyond this is its own; what it saves below this needs another event loop.
//
// usage: starling-bench-floor PORT [VALUE_SIZE]      GET answers VALUE_SIZE (64) bytes, all else +OK
#include <uv.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

constexpr size_t kReadBytes = 256 * 1024;
constexpr int kBacklog = 512;

struct Connection {
  uv_tcp_t socket;
  std::string pending;  // A request whose end has not arrived.
  std::string replies;
};

char read_buffer[kReadBytes];
std::string value_reply;

// The number in "<type><digits>\r\n" at *position, which moves past it; -1 when the line is incomplete.
long read_header(const char** position, const char* end) {
  const auto* line_end =
      static_cast<const char*>(std::memchr(*position, '\n', static_cast<size_t>(end - *position)));
  if (line_end == nullptr) return -1;
  long number = 0;
  for (const char* digit = *position + 1; *digit >= '0' && *digit <= '9'; ++digit)
    number = number * 10 + (*digit - '0');
  *position = line_end + 1;
  return number;
}

// Moves *position past one request and points *name at its command; false when the request is incomplete.
bool frame_request(const char** position, const char* end, std::string_view* name) {
  const char* cursor = *position;
  const long arguments = read_header(&cursor, end);
  if (arguments < 0) return false;
  for (long i = 0; i < arguments; ++i) {
    const long length = read_header(&cursor, end);
    if (length < 0 || end - cursor < length + 2) return false;
    if (i == 0) *name = {cursor, static_cast<size_t>(length)};
    cursor += length + 2;
  }
  *position = cursor;
  return true;
}

void answer(std::string_view bytes, Connection* connection) {
  const char* position = bytes.data();
  const char* end = position + bytes.size();
  std::string_view name;
  connection->replies.clear();
  while (frame_request(&position, end, &name)) {
    connection->replies += name == "GET" ? std::string_view(value_reply) : std::string_view("+OK\r\n");
  }
  connection->pending.assign(position, static_cast<size_t>(end - position));
}

void on_close(uv_handle_t* handle) {
  delete static_cast<Connection*>(handle->data);
}

// Tries until the socket has taken all: the load generator always reads, so that is soon.
void send_replies(Connection* connection) {
  std::string_view rest = connection->replies;
  while (!rest.empty()) {
    uv_buf_t buffer = uv_buf_init(const_cast<char*>(rest.data()), static_cast<unsigned>(rest.size()));
    const int sent = uv_try_write(reinterpret_cast<uv_stream_t*>(&connection->socket), &buffer, 1);
    if (sent == UV_EAGAIN) continue;
    if (sent < 0) return;
    rest.remove_prefix(static_cast<size_t>(sent));
  }
}

void on_allocate(uv_handle_t* handle, size_t, uv_buf_t* buffer) {
  // The front of the shared buffer keeps room for the incomplete request of this connection.
  const size_t kept = static_cast<Connection*>(handle->data)->pending.size();
  *buffer = uv_buf_init(read_buffer + kept, static_cast<unsigned>(kReadBytes - kept));
}

void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t*) {
  auto* connection = static_cast<Connection*>(stream->data);
  if (size < 0) return uv_close(reinterpret_cast<uv_handle_t*>(stream), on_close);
  const size_t kept = connection->pending.size();
  std::memcpy(read_buffer, connection->pending.data(), kept);
  answer({read_buffer, kept + static_cast<size_t>(size)}, connection);
  send_replies(connection);
}

void on_connection(uv_stream_t* listener, int status) {
  if (status < 0) return;
  auto* connection = new Connection;
  uv_tcp_init(listener->loop, &connection->socket);
  connection->socket.data = connection;
  uv_accept(listener, reinterpret_cast<uv_stream_t*>(&connection->socket));
  uv_tcp_nodelay(&connection->socket, 1);
  uv_read_start(reinterpret_cast<uv_stream_t*>(&connection->socket), on_allocate, on_read);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s PORT [VALUE_SIZE]\n", argv[0]);
    return 2;
  }
  const std::string value(argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 64, 'x');
  value_reply =
      std::string("$").append(std::to_string(value.size())).append("\r\n").append(value).append("\r\n");
  uv_tcp_t listener;
  sockaddr_in address;
  uv_ip4_addr("127.0.0.1", std::atoi(argv[1]), &address);
  uv_tcp_init(uv_default_loop(), &listener);
  uv_tcp_bind(&listener, reinterpret_cast<const sockaddr*>(&address), 0);
  const int error = uv_listen(reinterpret_cast<uv_stream_t*>(&listener), kBacklog, on_connection);
  if (error != 0) {
    std::fprintf(stderr, "%s: %s\n", argv[0], uv_strerror(error));
    return 1;
  }
  return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
