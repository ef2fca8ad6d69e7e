// Two streams in memory: whatever one has to send is given to the other, in pieces of any size.
#include "server/tls/tls_stream.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "tests/unit/server/tls/certificates.h"

namespace starling::server {
namespace {

struct Pair {
  Pair(const TlsOptions& server_options, const TlsOptions& client_options) {
    std::shared_ptr<const TlsContext> server_context, client_context;
    REQUIRE(TlsContext::make(server_options, &server_context).ok());
    REQUIRE(TlsContext::make(client_options, &client_context).ok());
    server = std::make_unique<TlsStream>(server_context, TlsStream::Side::kServer);
    client = std::make_unique<TlsStream>(client_context, TlsStream::Side::kClient);
    client->begin();
  }

  // Moves what `from` has to send, in pieces of at most `piece` bytes, and adds what `to` makes of it to *heard.
  static bool move(TlsStream& from, TlsStream& to, std::string* heard, size_t piece = SIZE_MAX,
                   size_t room = 4096) {
    const std::string bytes(from.outgoing());
    from.sent(bytes.size());
    std::vector<char> plain(room);
    for (size_t at = 0; at < bytes.size(); at += std::min(piece, bytes.size() - at)) {
      size_t count = to.read(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)), plain);
      heard->append(plain.data(), count);
      while (to.has_input() && to.state() == TlsStream::State::kOpen) {
        count = to.read({}, plain);
        heard->append(plain.data(), count);
      }
    }
    return !bytes.empty();
  }
  void settle(size_t piece = SIZE_MAX, size_t room = 4096) {
    for (bool moved = true; moved;) {
      moved = move(*client, *server, &heard_by_server, piece, room);
      moved = move(*server, *client, &heard_by_client, piece, room) || moved;
    }
  }

  std::unique_ptr<TlsStream> server, client;
  std::string heard_by_server, heard_by_client;
};

std::string pattern(size_t size) {
  std::string text(size, '\0');
  uint32_t state = 1;
  for (char& c : text) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return text;
}

TEST_CASE("tls stream: what is written arrives, whatever the pieces and the room") {
  Certificates made;
  made.sign("server");
  const std::string question = pattern(100'000), answer = pattern(300'001);
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{1000}, size_t{20000}, SIZE_MAX}) {
    for (const size_t room : {size_t{3}, size_t{16384}, size_t{1} << 20}) {
      CAPTURE(piece);
      CAPTURE(room);
      Pair pair(made.server("server"), made.client());
      pair.settle(piece, room);
      CAPTURE(pair.server->failure());
      CAPTURE(pair.client->failure());
      REQUIRE(pair.server->open());
      REQUIRE(pair.client->open());
      REQUIRE(pair.client->write(question));
      REQUIRE(pair.server->write(answer));
      pair.settle(piece, room);
      CHECK(pair.heard_by_server == question);
      CHECK(pair.heard_by_client == answer);
      CHECK_FALSE(pair.server->has_input());
    }
  }
}

TEST_CASE("tls stream: sealed bytes do not show what they say") {
  Certificates made;
  made.sign("server");
  Pair pair(made.server("server"), made.client());
  pair.settle();
  REQUIRE(pair.server->write("a very secret value"));
  CHECK(pair.server->outgoing().find("secret") == std::string_view::npos);
  CHECK(pair.server->outgoing().size() > 19);
}

TEST_CASE("tls stream: one that was changed on the way is refused") {
  Certificates made;
  made.sign("server");
  Pair pair(made.server("server"), made.client());
  pair.settle();
  REQUIRE(pair.client->write("SET a 1"));
  std::string bytes(pair.client->outgoing());
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  std::vector<char> plain(100);
  CHECK(pair.server->read(bytes, plain) == 0);
  CHECK(pair.server->state() == TlsStream::State::kFailed);
  CHECK_FALSE(pair.server->failure().empty());
  CHECK_FALSE(pair.server->outgoing().empty());  // The alert.
}

TEST_CASE("tls stream: the end is told, and what is written after the peer's still arrives") {
  Certificates made;
  made.sign("server");
  Pair pair(made.server("server"), made.client());
  pair.settle();
  REQUIRE(pair.client->write("PING"));
  pair.client->end();
  pair.client->end();
  pair.settle();
  CHECK(pair.heard_by_server == "PING");
  CHECK(pair.server->state() == TlsStream::State::kEnded);
  CHECK(pair.server->has_input());
  CHECK(pair.client->state() == TlsStream::State::kOpen);
  REQUIRE(pair.server->write("PONG"));
  pair.server->end();
  pair.settle();
  CHECK(pair.heard_by_client == "PONG");
  CHECK(pair.client->state() == TlsStream::State::kEnded);
}

TEST_CASE("tls stream: certificates of clients") {
  Certificates made, elsewhere("another");
  made.sign("server");
  made.sign("client");
  made.sign("gone", -1);
  elsewhere.sign("stranger");
  TlsOptions stranger = elsewhere.client("stranger");
  stranger.ca_file = made.path("ca.pem");

  struct Case {
    PeerCertificate wanted;
    TlsOptions client;
    std::string failure;  // Empty: it is let in.
  };
  const Case cases[] = {
      {PeerCertificate::kRequired, made.client("client"), ""},
      {PeerCertificate::kRequired, made.client(), "peer did not return a certificate"},
      {PeerCertificate::kRequired, stranger,
       "certificate verify failed: unable to get local issuer certificate"},
      {PeerCertificate::kRequired, made.client("gone"), "certificate verify failed: certificate has expired"},
      {PeerCertificate::kOptional, made.client("client"), ""},
      {PeerCertificate::kOptional, made.client(), ""},
      {PeerCertificate::kOptional, stranger,
       "certificate verify failed: unable to get local issuer certificate"},
      {PeerCertificate::kIgnored, stranger, ""},
  };
  for (const char* protocol : {"TLSv1.2", "TLSv1.3"}) {
    for (const Case& each : cases) {
      CAPTURE(protocol);
      CAPTURE(static_cast<int>(each.wanted));
      CAPTURE(each.failure);
      TlsOptions server = made.server("server", each.wanted);
      server.protocols = protocol;
      Pair pair(server, each.client);
      pair.settle();
      CHECK(pair.server->open() == each.failure.empty());
      CHECK(pair.server->failure() == each.failure);
    }
  }
}

TEST_CASE("tls stream: a client that does not know the authority says so") {
  Certificates made, elsewhere("another");
  made.sign("server");
  Pair pair(made.server("server"), elsewhere.client());
  pair.settle();
  CHECK(pair.client->state() == TlsStream::State::kFailed);
  CHECK(pair.server->state() == TlsStream::State::kFailed);
  CHECK(pair.server->failure().find("alert") != std::string::npos);
}

TEST_CASE("tls stream: nothing in common") {
  Certificates made;
  made.sign("server");
  TlsOptions server = made.server("server"), client = made.client();
  server.protocols = "TLSv1.3";
  client.protocols = "TLSv1.2";
  Pair pair(server, client);
  pair.settle();
  CHECK(pair.server->state() == TlsStream::State::kFailed);
  CHECK(pair.client->state() == TlsStream::State::kFailed);
}

TEST_CASE("tls stream: what is no TLS fails at once, at any length of it") {
  Certificates made;
  made.sign("server");
  for (const std::string& bytes :
       {std::string("*1\r\n$4\r\nPING\r\n"), std::string("GET / HTTP/1.1\r\n\r\n"), std::string(1000, '\0'),
        std::string("\x16\x03\x01\xff\xff") + std::string(70000, 'x')}) {
    Pair pair(made.server("server"), made.client());
    std::vector<char> plain(100);
    CHECK(pair.server->untouched());
    CHECK(pair.server->read(bytes, plain) == 0);
    CHECK_FALSE(pair.server->untouched());
    CHECK(pair.server->state() == TlsStream::State::kFailed);
  }
  CHECK_FALSE(begins_as_tls("*1\r\n"));
  CHECK_FALSE(begins_as_tls(""));
  CHECK_FALSE(begins_as_tls("\x16x"));
  CHECK(begins_as_tls("\x16"));
  Pair pair(made.server("server"), made.client());
  CHECK(begins_as_tls(pair.client->outgoing()));
}

TEST_CASE("tls stream: a first message that says that it is large is not waited for") {
  Certificates made;
  made.sign("server");
  Pair pair(made.server("server"), made.client());
  std::vector<char> plain(100);
  const std::string head("\x16\x03\x01\x3f\xff\x01\x01\xff\xff", 9);
  for (const char byte : head.substr(0, 8)) CHECK(pair.server->read({&byte, 1}, plain) == 0);
  CHECK(pair.server->handshaking());
  CHECK(pair.server->read(std::span(head).last(1), plain) == 0);
  CHECK(pair.server->state() == TlsStream::State::kFailed);
}

TEST_CASE("tls stream: half a handshake waits") {
  Certificates made;
  made.sign("server");
  Pair pair(made.server("server"), made.client());
  std::vector<char> plain(100);
  const std::string bytes(pair.client->outgoing());
  CHECK(pair.server->read(std::span(bytes).first(bytes.size() - 1), plain) == 0);
  CHECK(pair.server->handshaking());
  CHECK(pair.server->outgoing().empty());
  CHECK(pair.server->read(std::span(bytes).last(1), plain) == 0);
  CHECK(pair.server->handshaking());
  CHECK_FALSE(pair.server->outgoing().empty());
}

TEST_CASE("tls stream: keeps the context that it began with") {
  Certificates made;
  made.sign("server");
  Pair pair(made.server("server"), made.client());  // The pair's own references are gone here.
  pair.settle();
  REQUIRE(pair.server->write("x"));
  pair.settle();
  CHECK(pair.heard_by_client == "x");
}

}  // namespace
}  // namespace starling::server
