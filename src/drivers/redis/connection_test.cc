#include "drivers/redis/connection.h"

#include <fixtures/redis_server.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>

namespace tidemark::redis {
namespace {

using testing::RedisServer;

TEST(RedisAddress, HasAPortAndADatabaseByDefault) {
  EXPECT_EQ(parse_address("redis://cache.example").value(),
            (Address{"", "cache.example", 6379, 0}));
  EXPECT_EQ(parse_address("redis://127.0.0.1:7000/3").value(), (Address{"", "127.0.0.1", 7000, 3}));
  EXPECT_EQ(parse_address("redis://etl@[::1]:7000/").value(), (Address{"etl", "::1", 7000, 0}));
  EXPECT_EQ(parse_address("redis://etl@[::1]").value().text(), "redis://etl@[::1]:6379/0");
}

TEST(RedisAddress, WhatCannotBeIsAFaultThatShowsNoSecret) {
  for (const char* text :
       {"", "redis://", "redis:/host", "http://host", "redis://host:0", "redis://host:65536",
        "redis://host:12x", "redis://host/x", "redis://host/-1", "redis://h ost", "redis://[::1",
        "redis://a b@host", "redis://@host", "redis://host:", "redis://host/1/2"}) {
    const auto address = parse_address(text);
    ASSERT_FALSE(address.ok()) << text;
    EXPECT_EQ(address.error().code, "cache.bad_address") << text;
    EXPECT_EQ(address.error().fault, Fault::user);
  }
  for (const char* text : {"redis://:hunter2@host", "redis://etl:hunter2@host"}) {
    const auto address = parse_address(text);
    ASSERT_FALSE(address.ok());
    EXPECT_EQ(address.error().code, "cache.password_in_address");
    EXPECT_EQ(address.error().describe().find("hunter2"), std::string::npos);
  }
  EXPECT_EQ(parse_address("rediss://host").error().code, "cache.tls");
}

class RedisConnection : public ::testing::Test {
 protected:
  void SetUp() override { signal(SIGPIPE, SIG_IGN); }
  static ConnectOptions options(const RedisServer& server, const std::string& password = {}) {
    ConnectOptions options;
    options.address.host = "127.0.0.1";
    options.address.port = server.port();
    options.password = Secret(password);
    // Beside other work a server that is well may be silent for a while.
    options.connect_timeout = options.silence_max = std::chrono::seconds(5);
    options.answer_max = std::chrono::seconds(10);
    return options;
  }
};

TEST_F(RedisConnection, EachOfSeveralCommandsHasItsReply) {
  RedisServer server;
  const auto connection = Connection::connect(options(server)).value();
  const std::string bytes("a\0\r\nb", 5);
  const auto replies =
      connection->ask({{"SET", "a", bytes}, {"MGET", "a", "b"}, {"INCR", "n"}, {"INCR", "a"}});
  ASSERT_TRUE(replies.ok());
  ASSERT_EQ(replies->size(), 4U);
  EXPECT_EQ((*replies)[0].text, "OK");
  ASSERT_EQ((*replies)[1].list.size(), 2U);
  EXPECT_EQ((*replies)[1].list[0].text, bytes);
  EXPECT_EQ((*replies)[1].list[1].kind, Reply::Kind::nothing);
  EXPECT_EQ((*replies)[2].integer, 1);
  EXPECT_EQ((*replies)[3].kind, Reply::Kind::refusal);
  // A refusal ends nothing.
  EXPECT_EQ(connection->ask({{"GET", "n"}}).value()[0].text, "1");
}

TEST_F(RedisConnection, ALargeTextComesBackAsItIs) {
  RedisServer server;
  const auto connection = Connection::connect(options(server)).value();
  const std::string large(5'000'000, 'x');
  EXPECT_EQ(connection->ask({{"SET", "a", large}}).value()[0].text, "OK");
  EXPECT_TRUE(connection->ask({{"GET", "a"}}).value()[0].text == large);
}

TEST_F(RedisConnection, ADatabaseIsChosenAndOneThatIsNotThereIsRefused) {
  RedisServer server;
  ConnectOptions other = options(server);
  other.address.database = 3;
  EXPECT_EQ(Connection::connect(other).value()->ask({{"SET", "a", "x"}}).value()[0].text, "OK");
  const auto connection = Connection::connect(options(server)).value();
  EXPECT_EQ(connection->ask({{"GET", "a"}}).value()[0].kind, Reply::Kind::nothing);
  other.address.database = 999;
  EXPECT_EQ(Connection::connect(other).error().code, "cache.refused");
}

TEST_F(RedisConnection, APasswordOpensItAndAWrongOneIsToldWithoutIt) {
  RedisServer server({"--requirepass", "right"});
  EXPECT_TRUE(Connection::connect(options(server, "right")).ok());
  const auto wrong = Connection::connect(options(server, "hunter2"));
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().code, "cache.refused");
  EXPECT_EQ(wrong.error().describe().find("hunter2"), std::string::npos);
  EXPECT_EQ(Connection::connect(options(server)).error().code, "cache.refused");
}

TEST_F(RedisConnection, AServerThatIsGoneIsAwayAtOnceAndForGood) {
  RedisServer server;
  const auto connection = Connection::connect(options(server)).value();
  server.kill_now();
  EXPECT_EQ(connection->ask({{"GET", "a"}}).error().code, "cache.away");
  EXPECT_EQ(Connection::connect(options(server)).error().code, "cache.away");
  server.start();
  EXPECT_EQ(connection->ask({{"GET", "a"}}).error().code, "cache.away");
  EXPECT_TRUE(Connection::connect(options(server)).ok());
}

TEST_F(RedisConnection, AServerThatStandsStillIsAwayInTime) {
  RedisServer server;
  ConnectOptions hasty = options(server);
  const auto connection = Connection::connect(hasty).value();
  hasty.silence_max = std::chrono::milliseconds(50);
  server.stand_still();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(Connection::connect(hasty).error().code, "cache.away");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
  server.go_on();
  EXPECT_TRUE(connection->ask({{"GET", "a"}}).ok());
}

}  // namespace
}  // namespace tidemark::redis
