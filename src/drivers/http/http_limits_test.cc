// What time and number limit: slow clients, idle ones, many of them, and streams nobody reads.
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

// Until the server has looked at the time again, twice.
void await_tick() {
  std::this_thread::sleep_for(250ms);
}

bool is_open(RawClient& client) {
  char byte = 0;
  const ssize_t got = ::recv(client.descriptor(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && errno == EAGAIN;
}

TEST(HttpLimitsTest, AConnectionWithoutARequestEnds) {
  TestService service;
  RawClient silent(service.port());
  await_tick();
  service.clock.advance(9s);
  await_tick();
  EXPECT_TRUE(is_open(silent));
  service.clock.advance(1s);
  EXPECT_TRUE(silent.closed());
}

TEST(HttpLimitsTest, AHeadHasItsTime) {
  TestService service;
  RawClient slow(service.port());
  slow.send("GET / HTTP/1.1\r\n");
  await_tick();
  // Byte after byte gives no more of it.
  for (int i = 0; i < 9; ++i) {
    service.clock.advance(1s);
    slow.send("A");
    await_tick();
    ASSERT_TRUE(is_open(slow));
  }
  service.clock.advance(1s);
  EXPECT_EQ(408, slow.answer().status);
  EXPECT_TRUE(slow.closed());
}

TEST(HttpLimitsTest, BetweenRequestsIsMoreTime) {
  TestService service;
  RawClient client(service.port());
  client.send(get("/"));
  EXPECT_EQ(200, client.answer().status);
  service.clock.advance(59s);
  await_tick();
  client.send("GET / HTTP/1.1\r\n");
  await_tick();
  service.clock.advance(9s);
  await_tick();
  client.send("Host: a\r\n\r\n");
  EXPECT_EQ(200, client.answer().status);
  service.clock.advance(60s);
  EXPECT_TRUE(client.closed());
}

TEST(HttpLimitsTest, ABodyMustCome) {
  TestService service;
  RawClient client(service.port());
  client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  await_tick();
  service.clock.advance(10s);
  EXPECT_EQ(408, client.answer().status);
  EXPECT_TRUE(client.closed());
}

TEST(HttpLimitsTest, ABodyMustComeAtSomeRate) {
  TestService service;
  RawClient slow(service.port());
  RawClient steady(service.port());
  for (RawClient* client : {&slow, &steady})
    client->send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n");
  await_tick();
  // 1,024 bytes a second, and 100.
  std::size_t sent = 0;
  for (int i = 0; i < 4; ++i) {
    service.clock.advance(5s);
    steady.send(std::string(5'120, 'x'));
    sent += 5'120;
    slow.send(std::string(500, 'x'));
    await_tick();
  }
  EXPECT_EQ(408, slow.answer().status);
  steady.send(std::string(50'000 - sent, 'x'));
  EXPECT_EQ(200, steady.answer().status);
}

TEST(HttpLimitsTest, AClientThatDoesNotReadItsAnswerIsCutOff) {
  TestService service;
  RawClient client(service.port(), "127.0.0.1", 4096);
  client.send(get("/large"));
  client.until("\r\n\r\n");
  await_tick();
  service.clock.advance(29s);
  await_tick();
  service.clock.advance(31s);
  await_tick();
  EXPECT_LT(client.rest().size(), 9'000'000u);
}

TEST(HttpLimitsTest, OneTooManyOfAnAddressTakesThePlaceOfAnIdleOne) {
  TestService service({.connections_per_address_max = 2});
  RawClient other(service.port(), "127.0.0.2");
  other.send(get("/"));
  EXPECT_EQ(200, other.answer().status);
  service.clock.advance(1s);
  RawClient idle(service.port());
  idle.send(get("/"));
  EXPECT_EQ(200, idle.answer().status);
  RawClient busy(service.port());
  busy.send(get("/wait"));
  service.gate.await(1);
  RawClient third(service.port());
  third.send(get("/wait"));
  service.gate.await(2);
  EXPECT_TRUE(idle.closed());
  EXPECT_TRUE(is_open(other));
  // Now none of them is idle.
  RawClient fourth(service.port());
  const RawAnswer refused = fourth.answer();
  EXPECT_EQ(503, refused.status);
  EXPECT_TRUE(refused.has("Retry-After: 1\r\n"));
  EXPECT_TRUE(fourth.closed());
  other.send(get("/a"));
  EXPECT_EQ(200, other.answer().status);
}

TEST(HttpLimitsTest, OneTooManyInAllTakesThePlaceOfTheOldestIdleOne) {
  TestService service({.connections_max = 3});
  std::vector<RawClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(service.port(), ("127.0.0." + std::to_string(i + 1)).c_str());
    clients.back().send(get("/"));
    EXPECT_EQ(200, clients.back().answer().status);
    service.clock.advance(1s);
  }
  clients.emplace_back(service.port(), "127.0.0.4");
  clients.back().send(get("/"));
  EXPECT_EQ(200, clients.back().answer().status);
  EXPECT_TRUE(clients[0].closed());
  EXPECT_TRUE(is_open(clients[1]));
  EXPECT_TRUE(is_open(clients[2]));
}

TEST(HttpStreamTest, SendsWhatIsSentAndEnds) {
  TestService service;
  RawClient client(service.port());
  client.send(get("/stream"));
  const auto stream = service.stream();
  EXPECT_TRUE(stream->is_open());
  const std::string head = client.until("\r\n\r\n");
  EXPECT_NE(std::string::npos, head.find("Content-Type: text/event-stream\r\n"));
  EXPECT_NE(std::string::npos, head.find("Transfer-Encoding: chunked\r\n"));
  EXPECT_TRUE(stream->send("data: 1\n\n"));
  EXPECT_EQ("9\r\ndata: 1\n\n\r\n", client.until("\n\n\r\n"));
  // However long nothing is sent.
  service.clock.advance(3'600s);
  await_tick();
  EXPECT_TRUE(stream->send("data: 2\n\n"));
  EXPECT_EQ("9\r\ndata: 2\n\n\r\n", client.until("\n\n\r\n"));
  client.send(get("/after"));
  stream->end();
  EXPECT_FALSE(stream->send("x"));
  EXPECT_EQ("0\r\n\r\n", client.until("\r\n\r\n"));
  EXPECT_EQ("GET /after ", client.answer().body);
}

TEST(HttpStreamTest, SendsToOldClientsUntilItCloses) {
  TestService service;
  RawClient client(service.port());
  client.send("GET /stream HTTP/1.0\r\n\r\n");
  const auto stream = service.stream();
  EXPECT_TRUE(stream->send("one"));
  stream->end();
  const std::string head = client.until("\r\n\r\n");
  EXPECT_EQ(std::string::npos, head.find("chunked"));
  EXPECT_EQ("one", client.rest());
}

TEST(HttpStreamTest, TellsThatTheClientIsGone) {
  TestService service;
  RawClient client(service.port());
  client.send(get("/stream"));
  const auto stream = service.stream();
  client.until("\r\n\r\n");
  client.close();
  for (int i = 0; i < 500 && stream->is_open(); ++i)
    std::this_thread::sleep_for(10ms);
  EXPECT_FALSE(stream->is_open());
  EXPECT_FALSE(stream->send("x"));
}

TEST(HttpStreamTest, CutsOffAClientThatDoesNotRead) {
  TestService service;
  RawClient client(service.port(), "127.0.0.1", 4096);
  client.send(get("/stream"));
  const auto stream = service.stream();
  const std::string piece(10'000, 'x');
  std::size_t sent = 0;
  while (sent < 100'000'000 && stream->send(piece))
    sent += piece.size();
  EXPECT_GE(sent, 1'000'000u);
  EXPECT_LT(sent, 20'000'000u);
  EXPECT_FALSE(stream->is_open());
  EXPECT_LT(client.rest().size(), sent);
}

TEST(HttpStreamTest, AClientThatStopsReadingIsCutOffInTime) {
  TestService service({.stream_bytes_max = 100'000'000});
  RawClient client(service.port(), "127.0.0.1", 4096);
  client.send(get("/stream"));
  const auto stream = service.stream();
  EXPECT_TRUE(stream->send(std::string(20'000'000, 'x')));
  await_tick();
  service.clock.advance(60s);
  for (int i = 0; i < 500 && stream->is_open(); ++i)
    std::this_thread::sleep_for(10ms);
  EXPECT_FALSE(stream->is_open());
}

TEST(HttpStreamTest, OutlivesTheServer) {
  std::shared_ptr<HttpStream> stream;
  {
    TestService service;
    RawClient client(service.port());
    client.send(get("/stream"));
    stream = service.stream();
  }
  EXPECT_FALSE(stream->is_open());
  EXPECT_FALSE(stream->send("x"));
  stream->end();
}

}  // namespace
}  // namespace tidemark::testing
