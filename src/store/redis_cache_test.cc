// A ReadCache over a real Redis, which is killed, stopped, emptied, filled up and lied in.
#include "store/redis_cache.h"

#include <fixtures/redis_server.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "store/read_cache.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;
using testing::RedisServer;

const StoreKinds jobs = store_kinds({StoreKind::jobs});

class RedisCacheTest : public ::testing::Test {
 protected:
  void SetUp() override { signal(SIGPIPE, SIG_IGN); }
  redis::ConnectOptions options(const std::string& password = {}) {
    redis::ConnectOptions options;
    options.address.host = "127.0.0.1";
    options.address.port = server_->port();
    options.password = Secret(password);
    // So that a busy machine does not look like a server that is gone.
    options.connect_timeout = options.silence_max = patience_;
    options.answer_max = std::chrono::seconds(10);
    return options;
  }
  std::unique_ptr<ReadCache> open(const std::string& password = {}) {
    return std::make_unique<ReadCache>(make_redis_cache(options(password)), "a store", clock_,
                                       randomness_);
  }
  std::string read(ReadCache& cache) {
    const auto text = cache.text("number", jobs, [&]() -> Result<std::string> {
      ++asked_;
      return std::to_string(number_);
    });
    return text.ok() ? **text : text.error().code;
  }
  void write(ReadCache& cache, int number) {
    number_ = number;
    cache.wrote(jobs);
  }
  void eventually(ReadCache& cache, const std::string& wanted) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (read(cache) != wanted) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "it stays " << read(cache);
      std::this_thread::sleep_for(milliseconds(5));
    }
  }
  // What it says of a server that fails, once it was asked.
  std::string why_failing(ReadCache& cache) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!cache.state().failing && std::chrono::steady_clock::now() < deadline) {
      EXPECT_EQ(read(cache), std::to_string(number_));
      std::this_thread::sleep_for(milliseconds(1));
    }
    return cache.state().failing ? cache.state().failing->why : "it does not fail";
  }
  // How often the store is asked by ten reads, with a pause in which the last write is said.
  int asked_by_ten(ReadCache& cache) {
    std::this_thread::sleep_for(milliseconds(50));
    const int before = asked_;
    for (int i = 0; i < 10; ++i)
      EXPECT_EQ(read(cache), std::to_string(number_));
    return asked_ - before;
  }
  redis::Reply ask(const redis::Command& command, const std::string& password = {}) {
    return redis::Connection::connect(options(password)).value()->ask({command}).value()[0];
  }
  std::vector<std::string> keys() {
    std::vector<std::string> found;
    for (const redis::Reply& key : ask({"KEYS", "*"}).list)
      found.push_back(key.text);
    return found;
  }

  std::unique_ptr<RedisServer> server_ = std::make_unique<RedisServer>();
  milliseconds patience_{5'000};
  SystemClock clock_;
  SystemRandomness randomness_;
  std::atomic<int> number_{1};
  std::atomic<int> asked_{0};
};

TEST_F(RedisCacheTest, OneAsksTheStoreForAll) {
  const auto one = open();
  const auto other = open();
  EXPECT_EQ(read(*one), "1");
  EXPECT_EQ(asked_by_ten(*one), 0);
  EXPECT_EQ(asked_by_ten(*other), 0);
  EXPECT_FALSE(one->state().failing);
}

TEST_F(RedisCacheTest, AWriteIsSeenHereAtOnceAndElsewhereSoon) {
  const auto one = open();
  const auto other = open();
  for (int number = 2; number < 50; ++number) {
    read(*other);
    write(*one, number);
    ASSERT_EQ(read(*one), std::to_string(number));
    const auto written = std::chrono::steady_clock::now();
    eventually(*other, std::to_string(number));
    ASSERT_LT(std::chrono::steady_clock::now() - written, cache_age_max);
  }
}

TEST_F(RedisCacheTest, NothingIsKeptForLongerThanItsTime) {
  const auto cache = open();
  read(*cache);
  number_ = 2;  // and nobody hears of it
  const auto written = std::chrono::steady_clock::now();
  eventually(*cache, "2");
  EXPECT_LT(std::chrono::steady_clock::now() - written, cache_age_max + milliseconds(500));
  for (const std::string& key : keys()) {
    if (key.find("generation") == std::string::npos) {
      EXPECT_GT(ask({"PTTL", key}).integer, 0);
    }
  }
}

TEST_F(RedisCacheTest, AServerThatWasKilledComesBackEmptyAndNothingIsWrong) {
  const auto cache = open();
  read(*cache);
  server_->kill_now();
  write(*cache, 2);
  EXPECT_EQ(read(*cache), "2");
  EXPECT_NE(why_failing(*cache).find("does not answer"), std::string::npos);
  server_->start();
  std::this_thread::sleep_for(milliseconds(2'500));
  EXPECT_EQ(read(*cache), "2");
  EXPECT_FALSE(cache->state().failing);
  EXPECT_EQ(asked_by_ten(*cache), 0);
}

TEST_F(RedisCacheTest, AServerThatStandsStillCostsALittleOnce) {
  patience_ = milliseconds(50);
  const auto cache = open();
  eventually(*cache, "1");
  server_->stand_still();
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(read(*cache), "1");
  // Twenty times 50 ms would be a second.
  EXPECT_LT(std::chrono::steady_clock::now() - begun, milliseconds(700));
  EXPECT_TRUE(cache->state().failing);
  server_->go_on();
}

TEST_F(RedisCacheTest, AFlushWhileItIsUsedHidesNothing) {
  const auto one = open();
  const auto other = open();
  for (int number = 2; number < 30; ++number) {
    read(*other);
    ask({"FLUSHALL"});
    write(*one, number);
    ask({"FLUSHALL"});
    ASSERT_EQ(read(*one), std::to_string(number));
    eventually(*other, std::to_string(number));
  }
}

TEST_F(RedisCacheTest, GarbageAndOtherTypesAtItsKeysAreSlowAndNotWrong) {
  const auto cache = open();
  read(*cache);
  const std::vector<std::string> all = keys();
  ASSERT_GE(all.size(), 2U);
  for (const std::string& key : all) {
    for (const redis::Command& spoil :
         {redis::Command{"SET", key, "garbage"}, redis::Command{"SET", key, ""},
          redis::Command{"APPEND", key, "x"}, redis::Command{"SETRANGE", key, "60", "zz"}}) {
      ask(spoil);
      EXPECT_EQ(read(*cache), "1") << key;
    }
    ask({"DEL", key});
    ask({"LPUSH", key, "a", "b"});
    EXPECT_EQ(read(*cache), "1") << key;
    write(*cache, 1);
    EXPECT_EQ(asked_by_ten(*cache), 1) << key;
  }
}

TEST_F(RedisCacheTest, AServerWithoutMemoryIsLeftAlone) {
  const auto cache = open();
  read(*cache);
  ask({"CONFIG", "SET", "maxmemory", "1"});
  write(*cache, 2);
  EXPECT_EQ(read(*cache), "2");
  EXPECT_NE(why_failing(*cache).find("OOM"), std::string::npos);
}

TEST_F(RedisCacheTest, AReplicaThatTakesNoWritesIsLeftAlone) {
  const auto cache = open();
  read(*cache);
  RedisServer primary;
  ask({"REPLICAOF", "127.0.0.1", std::to_string(primary.port())});
  write(*cache, 2);
  EXPECT_EQ(read(*cache), "2");
  EXPECT_NE(why_failing(*cache).find("refuses"), std::string::npos);
}

TEST_F(RedisCacheTest, AWrongPasswordIsSaidWithoutIt) {
  server_ = std::make_unique<RedisServer>(std::vector<std::string>{"--requirepass", "right"});
  const auto good = open("right");
  EXPECT_EQ(read(*good), "1");
  EXPECT_EQ(asked_by_ten(*good), 0);
  const auto bad = open("hunter2");
  EXPECT_EQ(read(*bad), "1");
  EXPECT_NE(why_failing(*bad).find("WRONGPASS"), std::string::npos);
  EXPECT_EQ(why_failing(*bad).find("hunter2"), std::string::npos);
}

// Readers and writers of two processes, on a server that is emptied and killed all the time: no
// reader may see what is older than his own process's last write, or too old.
TEST_F(RedisCacheTest, WhateverHappensToItNobodySeesAnOwnWriteUndone) {
  patience_ = milliseconds(50);
  const auto one = open();
  const auto other = open();
  std::atomic<bool> stops{false};
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  // It counts as written when the cache was told; a read in between may give either.
  std::atomic<int> told{number_.load()};
  for (ReadCache* cache : {one.get(), one.get(), other.get()}) {
    threads.emplace_back([&, cache] {
      while (!stops) {
        const int before = told;
        if (cache == one.get() && std::stoi(read(*cache)) < before) ++wrong;
        if (cache == other.get()) read(*cache);
      }
    });
  }
  std::thread writer([&] {
    while (!stops) {
      const int next = number_ + 1;
      one->wrote(jobs);
      number_ = next;
      one->wrote(jobs);
      told = next;
      std::this_thread::sleep_for(milliseconds(3));
    }
  });
  for (int round = 0; round < 6; ++round) {
    std::this_thread::sleep_for(milliseconds(100));
    ask({"FLUSHALL"});
    std::this_thread::sleep_for(milliseconds(100));
    server_->kill_now();
    std::this_thread::sleep_for(milliseconds(20));
    server_->start();
  }
  stops = true;
  writer.join();
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace tidemark
