#include "drivers/http/http_server.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "drivers/http/raw_client_test.h"
#include "drivers/http/test_service_test.h"

namespace tidemark::testing {
namespace {

using namespace std::chrono_literals;

TEST(HttpServerTest, AnswersOneRequestAfterTheOther) {
  TestService service;
  RawClient client(service.port());
  client.send(get("/a?b=c"));
  const RawAnswer first = client.answer();
  EXPECT_EQ("HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 10\r\n\r\n",
            first.head);
  EXPECT_EQ("GET /a b=c", first.body);
  client.send(post("/echo", std::string(100'000, 'y')));
  const RawAnswer second = client.answer();
  EXPECT_EQ(std::string(100'000, 'y'), second.body);
  EXPECT_TRUE(second.has("X-Peer: 127.0.0.1\r\n"));
}

TEST(HttpServerTest, AnswersWhatIsSentAheadInOrder) {
  TestService service;
  RawClient client(service.port());
  std::string all;
  for (int i = 0; i < 500; ++i)
    all += i % 3 == 0 ? post("/echo", std::to_string(i)) : get("/" + std::to_string(i));
  std::thread sender([&] { client.send(all); });
  for (int i = 0; i < 500; ++i) {
    const std::string expected = i % 3 == 0 ? std::to_string(i) : "GET /" + std::to_string(i) + " ";
    ASSERT_EQ(expected, client.answer().body);
  }
  sender.join();
}

TEST(HttpServerTest, LeavesOutBodies) {
  TestService service;
  RawClient client(service.port());
  client.send("HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n" + get("/empty") + get("/b"));
  EXPECT_TRUE(client.answer(true).has("Content-Length: 10\r\n"));
  const RawAnswer empty = client.answer();
  EXPECT_EQ(204, empty.status);
  EXPECT_FALSE(empty.has("Content-Length"));
  EXPECT_EQ("GET /b ", client.answer().body);
}

TEST(HttpServerTest, ClosesWhereThatIsAskedFor) {
  TestService service;
  for (const std::string& request :
       {get("/", "Connection: close\r\n"), std::string("GET / HTTP/1.0\r\n\r\n")}) {
    RawClient client(service.port());
    client.send(request);
    const RawAnswer answer = client.answer();
    EXPECT_EQ(200, answer.status);
    EXPECT_TRUE(answer.has("Connection: close\r\n"));
    EXPECT_TRUE(client.closed());
  }
}

TEST(HttpServerTest, AnswersAClientThatSendsNoMore) {
  TestService service;
  RawClient client(service.port());
  client.send(get("/a"));
  client.half_close();
  EXPECT_EQ("GET /a ", client.answer().body);
  EXPECT_TRUE(client.closed());
}

TEST(HttpServerTest, SaysThatABodyMayCome) {
  TestService service;
  RawClient client(service.port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ("HTTP/1.1 100 Continue\r\n\r\n", client.until("\r\n\r\n"));
  client.send("abc");
  EXPECT_EQ("abc", client.answer().body);
  client.send(
      "POST /small HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n");
  EXPECT_EQ(413, client.answer().status);
  EXPECT_TRUE(client.closed());
}

TEST(HttpServerTest, RefusesWhatIsNotRight) {
  TestService service;
  const std::vector<std::pair<std::string, int>> cases{
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
      {"\x16\x03\x01", 400},
      {get("/", "Transfer-Encoding: gzip\r\n"), 501},
      {get("/", "A: " + std::string(17'000, 'b') + "\r\n"), 431},
      {get("/" + std::string(9'000, 'b')), 414},
      {post("/echo", "abc", "Transfer-Encoding: chunked\r\n"), 400},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
  };
  for (const auto& [bytes, status] : cases) {
    RawClient client(service.port());
    // Nothing behind a refused request is a request.
    client.send(bytes + get("/smuggled"));
    const RawAnswer answer = client.answer();
    EXPECT_EQ(status, answer.status) << bytes.substr(0, 60);
    EXPECT_TRUE(answer.has("Connection: close\r\n"));
    EXPECT_FALSE(answer.body.empty());
    EXPECT_TRUE(client.closed()) << bytes.substr(0, 60);
  }
  EXPECT_EQ(0, service.handled);
}

TEST(HttpServerTest, RefusesAtTheHead) {
  TestService service;
  RawClient client(service.port());
  client.send(get("/closed") + get("/a"));
  EXPECT_EQ(401, client.answer().status);
  EXPECT_EQ("GET /a ", client.answer().body);
  // A body that nobody admitted is not read.
  client.send(post("/closed", "abc"));
  EXPECT_EQ(401, client.answer().status);
  EXPECT_TRUE(client.closed());
}

TEST(HttpServerTest, ALargeBodyIsRefusedBeforeItComes) {
  TestService service;
  RawClient client(service.port());
  client.send("POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
  EXPECT_EQ(413, client.answer().status);
  // What comes anyway is not read for long.
  const std::string piece(1'000'000, 'x');
  std::size_t sent = 0;
  while (sent < 100 * piece.size() && client.send(piece) == piece.size())
    sent += piece.size();
  EXPECT_LT(sent, 50 * piece.size());
}

TEST(HttpServerTest, NoHeaderEndsEarly) {
  TestService service;
  RawClient client(service.port());
  client.send(get("/split"));
  EXPECT_TRUE(client.answer().has("Location: /a  Set-Cookie: b\r\n"));
}

TEST(HttpServerTest, AHandlerThatFailsIsAnsweredFor) {
  TestService service;
  RawClient client(service.port());
  client.send(get("/throw") + get("/nothing") + get("/a"));
  EXPECT_EQ(500, client.answer().status);
  EXPECT_EQ(500, client.answer().status);
  EXPECT_EQ(200, client.answer().status);
}

TEST(HttpServerTest, RefusesMoreThanMayWait) {
  TestService service({.threads = 1, .waiting_max = 1});
  RawClient first(service.port());
  first.send(get("/wait"));
  service.gate.await(1);
  RawClient second(service.port());
  second.send(get("/b"));
  RawAnswer refused;
  for (int i = 0; i < 100 && refused.status != 503; ++i) {
    RawClient third(service.port());
    third.send(get("/c"));
    // The second may still be on its way to the queue; then this one waits in its place.
    const timeval patience{0, 200'000};
    ::setsockopt(third.descriptor(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    refused = third.answer();
  }
  EXPECT_EQ(503, refused.status);
  EXPECT_TRUE(refused.has("Retry-After: 1\r\n"));
  service.gate.open();
  EXPECT_EQ(200, first.answer().status);
}

TEST(HttpServerTest, BodiesTogetherHaveALimit) {
  TestService service({.body_bytes_max = 1'500'000});
  RawClient first(service.port());
  first.send(post("/wait", std::string(1'000'000, 'x')));
  service.gate.await(1);
  RawClient second(service.port());
  std::thread sender([&] { second.send(post("/echo", std::string(1'000'000, 'y'))); });
  EXPECT_EQ(503, second.answer().status);
  sender.join();
  service.gate.open();
  EXPECT_EQ(200, first.answer().status);
  // What they held is free again.
  RawClient third(service.port());
  std::thread again([&] { third.send(post("/echo", std::string(1'400'000, 'z'))); });
  EXPECT_EQ(200, third.answer().status);
  again.join();
}

TEST(HttpServerTest, SurvivesResetsInEveryPhase) {
  TestService service;
  const std::vector<std::string> beginnings{
      "",
      "GET / HT",
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
      get("/wait"),
      get("/large"),
      get("/stream"),
      get("/a") + get("/wait") + get("/b")};
  for (const std::string& beginning : beginnings) {
    RawClient client(service.port());
    client.send(beginning);
    std::this_thread::sleep_for(20ms);
    client.reset();
  }
  service.gate.open();
  RawClient client(service.port());
  client.send(get("/a"));
  EXPECT_EQ(200, client.answer().status);
  EXPECT_FALSE(service.stream()->is_open());
}

TEST(HttpServerTest, TellsWhyItCannotListen) {
  TestService service;
  const auto second = HttpServer::start(service.clock, {.port = service.port()}, HttpHandlers());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ("http.cannot_listen", second.error().code);
  EXPECT_NE(std::string::npos, second.error().message.find(std::to_string(service.port())));
}

TEST(HttpServerTest, StopsWhenWhatIsUnderWayIsAnswered) {
  TestService service;
  RawClient idle(service.port());
  RawClient busy(service.port());
  busy.send(get("/wait"));
  service.gate.await(1);
  RawClient reading(service.port());
  reading.send("GET /late HTTP/1.1\r\n");
  RawClient watching(service.port());
  watching.send(get("/stream"));
  const auto stream = service.stream();
  ASSERT_TRUE(stream->send("one"));
  watching.until("\r\n\r\n");
  EXPECT_EQ("3\r\none\r\n", watching.until("one\r\n"));
  const auto begin = std::chrono::steady_clock::now();
  std::thread stopper([&] { service.server->stop(30s); });
  EXPECT_TRUE(idle.closed());
  EXPECT_EQ("0\r\n\r\n", watching.rest());
  EXPECT_FALSE(stream->send("two"));
  EXPECT_FALSE(RawClient(service.port()).connected());
  reading.send("Host: a\r\n\r\n");
  const RawAnswer late = reading.answer();
  EXPECT_EQ(200, late.status);
  EXPECT_TRUE(late.has("Connection: close\r\n"));
  service.gate.open();
  EXPECT_EQ(200, busy.answer().status);
  for (RawClient* client : {&watching, &reading, &busy})
    client->close();
  stopper.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
}

TEST(HttpServerTest, StopsAfterAWhileWhateverIsUnderWay) {
  TestService service;
  RawClient reading(service.port());
  reading.send("GET /late HTTP/1.1\r\n");
  RawClient large(service.port(), "127.0.0.1", 4096);
  large.send(get("/large"));
  large.until("\r\n\r\n");
  const auto begin = std::chrono::steady_clock::now();
  service.server->stop(300ms);
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(took, 300ms);
  EXPECT_LT(took, 5s);
  EXPECT_TRUE(reading.closed());
}

}  // namespace
}  // namespace tidemark::testing
