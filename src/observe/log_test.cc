#include "observe/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "base/secret.h"

namespace tidemark {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::int64_t minute_us = 60'000'000;
constexpr std::int64_t noon_us = 1'795'521'600'000'000;  // 2026-11-24T12:00:00Z
constexpr auto schedule = LogComponent::schedule;
constexpr auto postgres = LogComponent::postgres;

class LogTest : public ::testing::Test {
 protected:
  std::vector<std::string> lines_;
  std::int64_t now_ = noon_us;
  Log log_{[this](std::string_view line) { lines_.emplace_back(line); }, [this] { return now_; }};

  void serve(LogFormat format, LogLevel level = LogLevel::info) {
    LogSpec spec;
    spec.level = level;
    spec.format = format;
    log_.set_up(spec);
  }
};

TEST_F(LogTest, NothingIsToldBeforeItIsSetUp) {
  log_.tell(LogLevel::error, schedule, "lost");
  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(LogTest, AComponentMayHaveALevelOfItsOwn) {
  log_.set_up({LogLevel::warn, {{schedule, LogLevel::debug}, {postgres, LogLevel::error}}, {}});
  for (const auto component : {schedule, postgres, LogComponent::run}) {
    for (const auto& [name, level] : log_levels)
      log_.tell(level, component, name);
  }
  std::vector<std::string> told;
  for (const std::string& line : lines_)
    told.push_back(line.substr(28, line.size() - 29));
  EXPECT_THAT(told, ElementsAre("debug schedule  debug", "info schedule  info",
                                "warn schedule  warn", "error schedule  error",
                                "error postgres  error", "warn run  warn", "error run  error"));
  EXPECT_TRUE(log_.tells(LogLevel::debug));
  EXPECT_FALSE(log_.tells(LogLevel::trace));
  lines_.clear();
  log_.set_up({LogLevel::error, {}, {}});
  log_.tell(LogLevel::warn, schedule, "x");
  EXPECT_THAT(lines_, IsEmpty()) << "a level is changed while it goes on";
}

TEST_F(LogTest, ALineOfTextSaysWhenWhatAndOfWhat) {
  serve(LogFormat::text);
  const LogScope scope({"r1", "orders", ""});
  log_.tell(LogLevel::info, schedule, "it begins", {{"rows", 3}, {"ms", 1.25}, {"who", "a b"}});
  EXPECT_THAT(lines_, ElementsAre("2026-11-24T12:00:00.000000Z info schedule  it begins  run=r1  "
                                  "job=orders  rows=3  ms=1.250  who=\"a b\"\n"));
}

TEST_F(LogTest, ALineOfJsonIsAnObject) {
  serve(LogFormat::json);
  const LogScope scope({"r1", "", "q1"});
  Error error = internal_error("store.gone", "it is \"gone\"", Retry::backoff, "start it");
  log_.tell_error(LogLevel::warn, LogComponent::store, "asked", error, {{"ms", 2}});
  EXPECT_THAT(lines_,
              ElementsAre("{\"ts\":\"2026-11-24T12:00:00.000000Z\",\"level\":\"warn\","
                          "\"component\":\"store\",\"msg\":\"asked: it is \\\"gone\\\"\","
                          "\"run\":\"r1\",\"request\":\"q1\",\"ms\":2,\"code\":\"store.gone\","
                          "\"hint\":\"start it\"}\n"));
}

TEST_F(LogTest, NothingBeginsANewLine) {
  const std::string foul = "a\nb\r\x1b[2J\x7f\xc2\x9b\xe2\x80\xa8\xe2\x80\xaez\xff\"\\";
  for (const LogFormat format : {LogFormat::text, LogFormat::json}) {
    serve(format);
    const LogScope scope({foul, foul, foul});
    log_.tell(LogLevel::info, schedule, foul, {{"who", foul}});
  }
  ASSERT_THAT(lines_, SizeIs(2));
  for (const std::string& line : lines_) {
    EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
    EXPECT_THAT(line, HasSubstr("a\\nb\\u000d\\u001b[2J\\u007f\\u009b\\u2028\\u202ez\xef\xbf\xbd"));
    for (const char* raw : {"\r", "\x1b", "\x7f", "\xc2\x9b", "\xe2\x80\xa8", "\xe2\x80\xae"})
      EXPECT_THAT(line, Not(HasSubstr(raw)));
  }
  EXPECT_THAT(lines_[1], HasSubstr("\xef\xbf\xbd\\\"\\\\\""));
}

TEST_F(LogTest, ALongValueIsCutAtACharacter) {
  serve(LogFormat::json);
  std::string text(Log::value_bytes_max - 1, 'x');
  text += "\xe2\x82\xac";  // the euro sign
  log_.tell(LogLevel::info, schedule, text);
  ASSERT_THAT(lines_, SizeIs(1));
  EXPECT_THAT(lines_[0], EndsWith("xxx... (4002 bytes)\"}\n"));
}

TEST_F(LogTest, AMessageThatRepeatsIsCounted) {
  serve(LogFormat::text);
  for (int i = 0; i < 1'000; ++i)
    log_.tell(LogLevel::warn, schedule, "again");
  EXPECT_THAT(lines_, SizeIs(Log::same_told_max));
  log_.tell(LogLevel::warn, schedule, "another");
  EXPECT_THAT(lines_, SizeIs(Log::same_told_max + 1)) << "the others are told meanwhile";
  now_ += minute_us - 1;
  log_.settle();
  EXPECT_THAT(lines_, SizeIs(Log::same_told_max + 1));
  now_ += 1;
  log_.settle();
  ASSERT_THAT(lines_, SizeIs(Log::same_told_max + 2));
  EXPECT_THAT(lines_.back(), HasSubstr("again  more_times=995\n"));
  log_.settle();
  EXPECT_THAT(lines_, SizeIs(Log::same_told_max + 2)) << "once";
  log_.tell(LogLevel::warn, schedule, "again");
  EXPECT_THAT(lines_.back(), EndsWith("schedule  again\n"));
}

TEST_F(LogTest, WhatOneJobRepeatsHidesNothingOfAnother) {
  serve(LogFormat::text);
  for (int i = 0; i < 100; ++i) {
    const LogScope scope({"", "orders", ""});
    log_.tell(LogLevel::warn, schedule, "again");
  }
  const LogScope scope({"", "items", ""});
  log_.tell(LogLevel::warn, schedule, "again");
  EXPECT_THAT(lines_.back(), EndsWith("again  job=items\n"));
}

TEST_F(LogTest, WhoAsksForDetailIsToldEveryLine) {
  serve(LogFormat::text, LogLevel::trace);
  for (int i = 0; i < 100; ++i)
    log_.tell(LogLevel::debug, schedule, "again");
  EXPECT_THAT(lines_, SizeIs(100));
}

// However many messages there are: the one that is longest there is let go, with its number.
TEST_F(LogTest, MessagesAreWatchedInBoundedMemory) {
  serve(LogFormat::text);
  for (int i = 0; i < 10; ++i)
    log_.tell(LogLevel::warn, schedule, "the first");
  for (std::size_t i = 0; i < Log::same_watched_max; ++i) {
    ++now_;
    log_.tell(LogLevel::warn, schedule, "message " + std::to_string(i));
    if (i + 1 < Log::same_watched_max) {
      log_.tell(LogLevel::warn, schedule, "message " + std::to_string(i));
    }
  }
  EXPECT_THAT(lines_, SizeIs(Log::same_told_max + 2 * Log::same_watched_max));
  EXPECT_THAT(lines_[lines_.size() - 2], HasSubstr("the first  more_times=5"));
}

TEST_F(LogTest, ManyRequestsDoNotHideWhatRepeats) {
  serve(LogFormat::text);
  for (std::size_t i = 0; i < 3 * Log::same_watched_max; ++i) {
    ++now_;
    log_.tell(LogLevel::warn, schedule, "again");
    const LogScope scope({"", "", "q" + std::to_string(i)});
    log_.tell(LogLevel::info, LogComponent::api, "run.start orders by ci");
  }
  EXPECT_THAT(lines_, SizeIs(Log::same_told_max + 3 * Log::same_watched_max))
      << "each deed is told, and what repeats is not";
  now_ += minute_us;
  log_.settle();
  EXPECT_THAT(lines_.back(), HasSubstr("again  more_times=763\n"));
}

TEST_F(LogTest, ARequestThatAFieldSaysDoesNotTellMessagesApart) {
  serve(LogFormat::text);
  for (int i = 0; i < 100; ++i) {
    const std::string id = "q" + std::to_string(i);
    const LogScope scope({"", "", id});
    log_.tell(LogLevel::info, LogComponent::api, "refused", {{"request", id}});
  }
  ASSERT_THAT(lines_, SizeIs(Log::same_told_max));
  EXPECT_THAT(lines_.back(), EndsWith("refused  request=q4\n"));
}

TEST_F(LogTest, WhatIsHeldIsToldAtTheEnd) {
  serve(LogFormat::text);
  for (int i = 0; i < 7; ++i)
    log_.tell(LogLevel::warn, schedule, "again");
  log_.tell(LogLevel::warn, schedule, "once");
  log_.finish();
  EXPECT_THAT(lines_, SizeIs(Log::same_told_max + 2));
  EXPECT_THAT(lines_.back(), HasSubstr("again  more_times=2\n"));
  log_.finish();
  EXPECT_THAT(lines_, SizeIs(Log::same_told_max + 2)) << "once";
}

TEST_F(LogTest, ALongMessageIsWatchedByItsBeginning) {
  serve(LogFormat::text);
  std::string text(Log::same_bytes_max - 1, 'x');
  text += "\xe2\x82\xac and more";  // the euro sign, where it is cut
  for (int i = 0; i < 7; ++i)
    log_.tell(LogLevel::warn, schedule, text);
  log_.tell(LogLevel::warn, schedule, text + " than that");
  EXPECT_THAT(lines_, SizeIs(Log::same_told_max + 1)) << "of another length, so another";
  log_.finish();
  EXPECT_THAT(lines_.back(), HasSubstr("xxx... (511 bytes)  more_times=2\n"));
  EXPECT_THAT(lines_.back(), Not(HasSubstr("\xef\xbf\xbd")));
}

TEST_F(LogTest, AThreadKnowsWhatItsWorkIsOf) {
  serve(LogFormat::text);
  {
    const LogScope request({"", "", "q1"});
    {
      const LogScope run({"r1", "orders", ""});
      log_.tell(LogLevel::info, schedule, "a");
      const LogContext here = log_context();
      std::thread([&] {
        log_.tell(LogLevel::info, schedule, "b");
        const LogScope scope(here);
        log_.tell(LogLevel::info, schedule, "c");
      }).join();
    }
    log_.tell(LogLevel::info, schedule, "d");
  }
  log_.tell(LogLevel::info, schedule, "e");
  std::vector<std::string> told;
  for (const std::string& line : lines_)
    told.push_back(line.substr(43, line.size() - 44));
  EXPECT_THAT(told, ElementsAre("a  run=r1  job=orders  request=q1", "b",
                                "c  run=r1  job=orders  request=q1", "d  request=q1", "e"));
}

TEST_F(LogTest, LinesOfManyThreadsStayWhole) {
  serve(LogFormat::text);
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([&, number] {
      for (int i = 0; i < 200; ++i)
        log_.tell(LogLevel::info, schedule, std::to_string(number * 1'000 + i));
      log_.set_up({LogLevel::info, {}, LogFormat::text});
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_THAT(lines_, SizeIs(800));
}

// Stderr is a pipe of 4,096 bytes that does not block who writes.
class LogStderrTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::pipe2(pipe_.data(), 0), 0);
    ASSERT_EQ(::fcntl(pipe_[1], F_SETFL, O_NONBLOCK), 0);
    ASSERT_GE(::fcntl(pipe_[1], F_SETPIPE_SZ, 4'096), 0);
    own_ = ::dup(STDERR_FILENO);
    ASSERT_GE(own_, 0);
    ASSERT_GE(::dup2(pipe_[1], STDERR_FILENO), 0);
    log_.set_up({});
  }
  void TearDown() override { ::close(pipe_[0]); }

  // Stderr is the process's own again, and the pipe ends for its reader.
  void end() {
    ::dup2(own_, STDERR_FILENO);
    ::close(own_);
    ::close(pipe_[1]);
  }
  // To the end; what is there now where the reader does not wait.
  void read(std::size_t at_once) {
    std::string bytes(at_once, '\0');
    for (ssize_t size = 0; (size = ::read(pipe_[0], bytes.data(), bytes.size())) > 0;)
      got_.append(bytes.data(), static_cast<std::size_t>(size));
  }

  std::array<int, 2> pipe_{};
  int own_ = -1;
  Log log_;
  std::string got_;
  const std::string much_ = std::string(Log::value_bytes_max, 'x');
};

TEST_F(LogStderrTest, NothingIsGluedToHalfOfALine) {
  ASSERT_EQ(::fcntl(pipe_[0], F_SETFL, O_NONBLOCK), 0);
  log_.tell(LogLevel::info, schedule, much_, {{"more", much_}});
  read(4'096);
  const std::size_t torn = got_.size();
  log_.tell(LogLevel::info, schedule, "the next");
  log_.tell(LogLevel::info, schedule, "the last");
  read(4'096);
  end();
  ASSERT_GT(torn, 0U);
  EXPECT_EQ(got_[torn - 1], 'x') << "half of it was written";
  const std::string after = got_.substr(torn);
  ASSERT_EQ(after.front(), '\n');
  EXPECT_EQ(after.find("\n\n"), std::string::npos);
  EXPECT_THAT(after, HasSubstr("schedule  the next\n2"));
  EXPECT_THAT(after, EndsWith("schedule  the last\n"));
}

// Who reads it slowly loses nothing.
TEST_F(LogStderrTest, AReaderIsWaitedFor) {
  std::thread reader([&] { read(512); });
  log_.tell(LogLevel::info, schedule, much_, {{"more", much_}});
  end();
  reader.join();
  EXPECT_GT(got_.size(), 2 * Log::value_bytes_max);
  EXPECT_THAT(got_, EndsWith("xxx\n"));
}

TEST(LogFieldTest, ASecretIsNone) {
  static_assert(std::is_constructible_v<LogField, const char*, std::string>);
  static_assert(!std::is_constructible_v<LogField, const char*, Secret>);
  static_assert(!std::is_convertible_v<Secret, std::string_view>);
}

TEST(LogWishTest, TheCommandLineGoesBeforeTheFile) {
  const LogSpec file{
      LogLevel::warn, {{schedule, LogLevel::error}, {postgres, LogLevel::info}}, LogFormat::json};
  LogWish one;
  ASSERT_TRUE(one.add("schedule=trace").ok());
  EXPECT_EQ(one.over(file), (LogSpec{LogLevel::warn,
                                     {{schedule, LogLevel::trace}, {postgres, LogLevel::info}},
                                     LogFormat::json}));
  LogWish all;
  ASSERT_TRUE(all.add("postgres=info").ok());
  ASSERT_TRUE(all.add("debug").ok());
  ASSERT_TRUE(all.add("postgres=error").ok());
  EXPECT_EQ(all.over(file),
            (LogSpec{LogLevel::debug, {{postgres, LogLevel::error}}, LogFormat::json}));
  EXPECT_EQ(LogWish().over(file), file);
}

TEST(LogWishTest, AWrongWordIsToldWithTheRightOnes) {
  LogWish wish;
  const Status level = wish.add("inof");
  EXPECT_EQ(level.error().message, "--log-level: `inof` is no level; did you mean `info`?");
  EXPECT_THAT(level.error().hint, HasSubstr("trace, debug, info, warn or error"));
  const Status component = wish.add("shedule=debug");
  EXPECT_EQ(component.error().message,
            "--log-level: `shedule` is no component; did you mean `schedule`?");
  EXPECT_THAT(component.error().hint, HasSubstr("access, alert, api"));
  for (const char* text : {"", "=", "schedule=", "=debug", "debug,info"}) {
    EXPECT_EQ(wish.add(text).error().code, "user.usage") << text;
  }
}

}  // namespace
}  // namespace tidemark
