#include "store/read_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <set>
#include <thread>
#include <utility>

namespace tidemark {
namespace {

using std::chrono::milliseconds;

// What all CacheServers of a test share, as one Redis would have it.
struct Shelf {
  std::mutex mutex;
  std::map<std::string, std::pair<std::string, CacheTime>> texts;  // with their ends
  std::set<std::string> locks;
  CacheTime now = 1'000'000;
  std::optional<Error> fails;
  std::optional<Error> refuses_writes;
  int asked = 0;
  int renewed = 0;

  void pass(milliseconds duration) {
    const std::lock_guard lock(mutex);
    now += std::chrono::microseconds(duration).count();
  }
  void forget_all() {
    const std::lock_guard lock(mutex);
    texts.clear();
    locks.clear();
  }
  template <class T>
  T locked(T Shelf::* member) {
    const std::lock_guard lock(mutex);
    return this->*member;
  }
  template <class T>
  void set(T Shelf::* member, T value) {
    const std::lock_guard lock(mutex);
    this->*member = std::move(value);
  }
};

class FakeServer final : public CacheServer {
 public:
  explicit FakeServer(Shelf& shelf) : shelf_(shelf) {}
  std::string name() const override { return "the shelf"; }
  Result<std::vector<std::optional<std::string>>> get(
      const std::vector<std::string>& keys) override {
    const std::lock_guard lock(shelf_.mutex);
    ++shelf_.asked;
    if (shelf_.fails) return *shelf_.fails;
    return texts(keys);
  }
  Result<Begun> begin(const std::vector<std::string>& generations, const std::string& fresh,
                      const std::string& key, milliseconds) override {
    const std::lock_guard lock(shelf_.mutex);
    TM_CHECK(writes());
    for (const std::string& generation : generations)
      shelf_.texts.try_emplace(generation, fresh, forever);
    return Begun{++shelf_.now, texts(generations), shelf_.locks.insert(key).second};
  }
  Status keep(const std::string& key, const std::string& text, CacheTime until,
              const std::string& lock_key) override {
    const std::lock_guard lock(shelf_.mutex);
    TM_CHECK(writes());
    shelf_.texts.insert_or_assign(key, std::pair(text, until));
    shelf_.locks.erase(lock_key);
    return {};
  }
  Result<CacheTime> renew(const std::vector<std::string>& generations,
                          const std::string& fresh) override {
    const std::lock_guard lock(shelf_.mutex);
    TM_CHECK(writes());
    ++shelf_.renewed;
    for (const std::string& generation : generations)
      shelf_.texts.insert_or_assign(generation, std::pair(fresh, forever));
    return ++shelf_.now;
  }

 private:
  static constexpr CacheTime forever = std::numeric_limits<CacheTime>::max();
  Status writes() const {
    if (shelf_.fails) return *shelf_.fails;
    if (shelf_.refuses_writes) return *shelf_.refuses_writes;
    return {};
  }
  std::vector<std::optional<std::string>> texts(const std::vector<std::string>& keys) const {
    std::vector<std::optional<std::string>> found;
    for (const std::string& key : keys) {
      const auto one = shelf_.texts.find(key);
      const bool is_there = one != shelf_.texts.end() && one->second.second > shelf_.now;
      found.push_back(is_there ? std::optional(one->second.first) : std::nullopt);
    }
    return found;
  }
  Shelf& shelf_;
};

const StoreKinds jobs = store_kinds({StoreKind::jobs});
const StoreKinds runs = store_kinds({StoreKind::runs});

Error gone() {
  return internal_error("cache.away", "the shelf is gone", Retry::reconnect);
}

class ReadCacheTest : public ::testing::Test {
 protected:
  std::unique_ptr<ReadCache> open(const std::string& store = "a store") {
    return std::make_unique<ReadCache>(std::make_unique<FakeServer>(shelf_), store, clock_,
                                       randomness_);
  }
  // The store is one number.
  std::string read(ReadCache& cache, StoreKinds kinds = jobs) {
    const auto text = cache.text("number", kinds, [&]() -> Result<std::string> {
      ++asked_;
      return std::to_string(number_);
    });
    return text.ok() ? **text : text.error().code;
  }
  void write(ReadCache& cache, int number) {
    number_ = number;
    cache.wrote(jobs);
  }
  // Until the cache's thread has said what was written.
  void wait_until_said(int times) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (shelf_.locked(&Shelf::renewed) < times) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      std::this_thread::sleep_for(milliseconds(1));
    }
    std::this_thread::sleep_for(milliseconds(20));
  }

  Shelf shelf_;
  ManualClock clock_{UtcMicros(1'795'269'600'000'000)};
  SystemRandomness randomness_;
  std::atomic<int> number_{1};
  std::atomic<int> asked_{0};
};

TEST_F(ReadCacheTest, ATextIsMadeOnceAndThenFoundByAllProcesses) {
  const auto one = open();
  const auto other = open();
  EXPECT_EQ(read(*one), "1");
  EXPECT_EQ(read(*one), "1");
  EXPECT_EQ(read(*other), "1");
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(one->state().found, 1);
  EXPECT_EQ(one->state().asked, 1);
}

TEST_F(ReadCacheTest, StoresAreKeptApart) {
  const auto one = open("a store");
  const auto other = open("another");
  EXPECT_EQ(read(*one), "1");
  number_ = 2;
  EXPECT_EQ(read(*other), "2");
}

TEST_F(ReadCacheTest, WhatThisProcessWroteIsSeenAtOnce) {
  const auto cache = open();
  for (int number = 2; number < 200; ++number) {
    write(*cache, number);
    ASSERT_EQ(read(*cache), std::to_string(number));
    ASSERT_EQ(read(*cache), std::to_string(number));
  }
}

TEST_F(ReadCacheTest, WhatAnotherProcessWroteIsSeenWhenItIsSaid) {
  const auto one = open();
  const auto other = open();
  EXPECT_EQ(read(*one), "1");
  write(*other, 2);
  wait_until_said(1);
  EXPECT_EQ(read(*one), "2");
  EXPECT_EQ(asked_, 2);
}

TEST_F(ReadCacheTest, AWriteOfAnotherKindChangesNothing) {
  const auto cache = open();
  EXPECT_EQ(read(*cache), "1");
  cache->wrote(runs);
  wait_until_said(1);
  EXPECT_EQ(read(*cache), "1");
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(read(*cache, jobs | runs), "1");
  EXPECT_EQ(asked_, 2);
}

TEST_F(ReadCacheTest, AWriteWhileATextIsMadeMakesItCountNoMore) {
  const auto one = open();
  const auto other = open();
  const auto slow = one->text("number", jobs, [&]() -> Result<std::string> {
    const std::string before = std::to_string(number_);
    write(*other, 2);
    wait_until_said(1);
    return before;
  });
  EXPECT_EQ(**slow, "1");
  EXPECT_EQ(read(*one), "2");
  EXPECT_EQ(read(*other), "2");
}

// It died between its commit and its word, or could not reach the server.
TEST_F(ReadCacheTest, AWriteThatNobodyHearsOfIsSeenWhenTheTextIsTooOld) {
  const auto cache = open();
  EXPECT_EQ(read(*cache), "1");
  number_ = 2;
  shelf_.pass(cache_age_max - milliseconds(10));
  EXPECT_EQ(read(*cache), "1");
  shelf_.pass(milliseconds(20));
  EXPECT_EQ(read(*cache), "2");
}

TEST_F(ReadCacheTest, ATextThatWasLongInTheMakingIsNotKeptLonger) {
  const auto cache = open();
  const auto slow = cache->text("number", jobs, [&]() -> Result<std::string> {
    shelf_.pass(cache_age_max - milliseconds(100));
    return std::string("1");
  });
  ASSERT_TRUE(slow.ok());
  shelf_.pass(milliseconds(200));
  number_ = 2;
  EXPECT_EQ(read(*cache), "2");
}

TEST_F(ReadCacheTest, AServerThatForgotOrWasSetBackHidesNoWriteOfThisProcess) {
  const auto cache = open();
  EXPECT_EQ(read(*cache), "1");
  const auto before = shelf_.texts;
  write(*cache, 2);
  wait_until_said(1);
  shelf_.texts = before;
  EXPECT_EQ(read(*cache), "2");
  shelf_.forget_all();
  number_ = 3;
  EXPECT_EQ(read(*cache), "3");
}

TEST_F(ReadCacheTest, TextsThatSomebodySpoiledAreMadeAnew) {
  const auto good = [&] {
    const auto cache = open();
    EXPECT_EQ(read(*cache), "1");
    for (const auto& [key, text] : shelf_.texts) {
      if (key.ends_with(":number")) return std::pair(key, text.first);
    }
    return std::pair(std::string(), std::string());
  }();
  ASSERT_GT(good.second.size(), 50U);
  const std::string& whole = good.second;
  std::vector<std::string> spoiled{
      "", "tidemark", "1", whole + "0", whole + "\n", "x" + whole, std::string(1000, '\0')};
  for (std::size_t size = 0; size < whole.size(); ++size) {
    spoiled.push_back(whole.substr(0, size));
    spoiled.push_back(whole);
    spoiled.back()[size] = static_cast<char>(spoiled.back()[size] ^ 1);
  }
  int made_anew = 0;
  for (const std::string& text : spoiled) {
    const auto cache = open();
    shelf_.texts[good.first].first = text;
    const int before = asked_;
    EXPECT_EQ(read(*cache), "1") << text;
    made_anew += asked_ - before;
  }
  EXPECT_EQ(made_anew, static_cast<int>(spoiled.size()));
}

TEST_F(ReadCacheTest, AServerThatFailsIsToldOnceAndLeftAloneForAWhile) {
  const auto cache = open();
  std::vector<std::string> notes;
  cache->on_note([&](LogLevel, const std::string& note) { notes.push_back(note); });
  shelf_.set(&Shelf::fails, std::optional(gone()));
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(read(*cache), "1");
  EXPECT_EQ(shelf_.asked, 1);
  EXPECT_EQ(asked_, 100);
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(notes[0], "the shelf is gone; the store is asked instead");
  ASSERT_TRUE(cache->state().failing);
  EXPECT_EQ(cache->state().failing->why, "the shelf is gone");
  // One may try when it has rested, and the rest doubles.
  clock_.advance(std::chrono::seconds(1));
  read(*cache);
  read(*cache);
  EXPECT_EQ(shelf_.asked, 2);
  clock_.advance(std::chrono::seconds(1));
  read(*cache);
  EXPECT_EQ(shelf_.asked, 2);
  clock_.advance(std::chrono::seconds(1));
  shelf_.set(&Shelf::fails, std::optional<Error>());
  EXPECT_EQ(read(*cache), "1");
  EXPECT_FALSE(cache->state().failing);
  ASSERT_EQ(notes.size(), 2U);
  EXPECT_EQ(notes[1], "the cache the shelf answers again");
  const int before = asked_;
  EXPECT_EQ(read(*cache), "1");
  EXPECT_EQ(asked_, before);
}

TEST_F(ReadCacheTest, AServerThatRefusesWritesHidesNoWriteOfThisProcess) {
  const auto cache = open();
  EXPECT_EQ(read(*cache), "1");
  shelf_.set(&Shelf::refuses_writes,
             std::optional(internal_error("cache.refused", "the cache refuses: READONLY")));
  write(*cache, 2);
  EXPECT_EQ(read(*cache), "2");
  EXPECT_EQ(read(*cache), "2");
  // What was kept before is gone by the time it is asked again.
  shelf_.pass(std::chrono::seconds(3));
  clock_.advance(std::chrono::seconds(3));
  EXPECT_EQ(read(*cache), "2");
}

TEST_F(ReadCacheTest, OneOfManyAsksTheStore) {
  const auto cache = open();
  std::atomic<int> waiting{0};
  std::promise<void> go_on;
  const auto wait = go_on.get_future().share();
  std::vector<std::thread> readers;
  std::atomic<int> right{0};
  for (int i = 0; i < 16; ++i) {
    readers.emplace_back([&] {
      ++waiting;
      const auto text = cache->text("number", jobs, [&]() -> Result<std::string> {
        ++asked_;
        wait.wait();
        return std::string("1");
      });
      if (text.ok() && **text == "1") ++right;
    });
  }
  while (waiting < 16)
    std::this_thread::sleep_for(milliseconds(1));
  std::this_thread::sleep_for(milliseconds(50));
  go_on.set_value();
  for (std::thread& reader : readers)
    reader.join();
  EXPECT_EQ(right, 16);
  EXPECT_EQ(asked_, 1);
}

// Who waits for another's text does not wait for one that was read before his own write.
TEST_F(ReadCacheTest, WhoeverWroteIsNotGivenWhatWasReadBefore) {
  const auto cache = open();
  std::promise<void> begun;
  std::promise<void> go_on;
  std::thread slow([&] {
    const auto text = cache->text("number", jobs, [&]() -> Result<std::string> {
      const std::string before = std::to_string(number_);
      begun.set_value();
      go_on.get_future().wait();
      return before;
    });
    EXPECT_EQ(**text, "1");
  });
  begun.get_future().wait();
  write(*cache, 2);
  EXPECT_EQ(read(*cache), "2");
  go_on.set_value();
  slow.join();
  EXPECT_EQ(read(*cache), "2");
}

TEST_F(ReadCacheTest, WhereAnotherProcessMakesItTheTextIsWaitedForALittle) {
  const auto cache = open();
  const auto other = open();
  std::promise<void> begun;
  std::thread slow([&] {
    const auto text = other->text("number", jobs, [&]() -> Result<std::string> {
      begun.set_value();
      std::this_thread::sleep_for(milliseconds(100));
      return std::string("1");
    });
    EXPECT_TRUE(text.ok());
  });
  begun.get_future().wait();
  // The clock of the test passes without waiting, so that the wait is over before the text is
  // there.
  const auto began = clock_.monotonic();
  EXPECT_EQ(read(*cache), "1");
  EXPECT_EQ(clock_.monotonic() - began, milliseconds(50));
  EXPECT_EQ(asked_, 1);
  slow.join();
}

TEST_F(ReadCacheTest, AnErrorOfTheStoreIsForAllWhoAskedAndIsNotKept) {
  const auto cache = open();
  const auto failed = cache->text("number", jobs, []() -> Result<std::string> {
    return internal_error("store.gone", "the store is gone");
  });
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, "store.gone");
  EXPECT_EQ(read(*cache), "1");
}

TEST_F(ReadCacheTest, TheLastWriteIsSaidBeforeTheProcessEnds) {
  const auto other = open();
  for (int number = 2; number < 42; number += 2) {
    {
      const auto cache = open();
      const int said = shelf_.locked(&Shelf::renewed);
      write(*cache, number);
      while (shelf_.locked(&Shelf::renewed) == said)
        std::this_thread::yield();
      read(*other);
      // So close behind one that was said that it waits for the next word.
      write(*cache, number + 1);
    }
    ASSERT_EQ(read(*other), std::to_string(number + 1));
  }
}

}  // namespace
}  // namespace tidemark
