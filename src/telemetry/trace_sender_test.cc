// The sender: what is sent together, what again, what is dropped; and that nobody waits for it.
#include "telemetry/trace_sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

namespace tidemark {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

OtlpAnswer taken() {
  return {};
}
OtlpAnswer busy(std::optional<milliseconds> after = std::nullopt) {
  return {OtlpAnswer::Kind::again, "it is busy", 0, after};
}
OtlpAnswer refused() {
  return {OtlpAnswer::Kind::refused, "a answered with status 400", 0, std::nullopt};
}

// A collector that answers by its script, and by the last of it from then on.
class TraceSenderTest : public ::testing::Test {
 protected:
  std::unique_ptr<TraceSender> make(std::vector<OtlpAnswer> answers, milliseconds gathers,
                                    std::size_t waiting_max = 1'000) {
    answers_ = std::move(answers);
    TraceSenderParts parts{{},
                           randomness_,
                           [this](const RunId& run) -> Result<TracedRun> {
                             ++reads_;
                             std::this_thread::sleep_for(reading_takes_);
                             if (store_is_away_)
                               return internal_error("store.lost", "no answer", Retry::reconnect);
                             if (run.get() == "gone")
                               return user_error("run.unknown", "there is no such run");
                             TracedRun traced;
                             traced.history.run.run = run;
                             traced.history.run.job = JobName("orders");
                             traced.history.run.ended_at = UtcMicros(1);
                             return traced;
                           },
                           [this](const std::string& document, const Cancel& cancel) {
                             return answer(document, cancel);
                           },
                           [this](const std::string& text) {
                             const std::lock_guard lock(mutex_);
                             said_.push_back(text);
                           }};
    parts.sent = [this](std::int64_t runs) { sent_ += runs; };
    parts.dropped = [this](std::string_view reason, std::int64_t runs) {
      const std::lock_guard lock(mutex_);
      dropped_[std::string(reason)] += runs;
    };
    parts.spans_refused = [this](std::int64_t spans) { spans_refused_ += spans; };
    return std::make_unique<TraceSender>(
        std::move(parts),
        TraceSenderOptions{gathers, milliseconds(5), milliseconds(20), waiting_max});
  }

  OtlpAnswer answer(const std::string& document, const Cancel& cancel) {
    OtlpAnswer next;
    {
      const std::lock_guard lock(mutex_);
      documents_.push_back(document);
      next = answers_.front();
      if (answers_.size() > 1) answers_.erase(answers_.begin());
    }
    while (hangs_ && !cancel.requested())
      std::this_thread::sleep_for(milliseconds(1));
    return next;
  }

  static void end(TraceSender& sender, const std::string& run) {
    RunEnd end;
    end.run = RunId(run);
    sender.ended(end);
  }

  template <class Condition>
  static void wait_for(Condition condition) {
    const auto until = std::chrono::steady_clock::now() + seconds(30);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), until) << "it did not come to that";
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
  std::size_t requests() {
    const std::lock_guard lock(mutex_);
    return documents_.size();
  }

  SeededRandomness randomness_{1};
  std::mutex mutex_;
  std::vector<OtlpAnswer> answers_;
  std::vector<std::string> documents_;
  std::vector<std::string> said_;
  std::map<std::string, std::int64_t> dropped_;
  std::atomic<std::int64_t> sent_{0};
  std::atomic<std::int64_t> spans_refused_{0};
  std::atomic<bool> hangs_{false};
  std::atomic<bool> store_is_away_{false};
  std::atomic<int> reads_{0};
  milliseconds reading_takes_{0};
};

TEST_F(TraceSenderTest, RunsThatEndTogetherAreSentTogether) {
  const auto sender = make({taken()}, seconds(60));
  for (const char* run : {"r1", "r2", "gone", "r3"})
    end(*sender, run);
  EXPECT_EQ(sender->drain(seconds(30)), 0);
  ASSERT_EQ(documents_.size(), 1u) << "who leaves gathers no more";
  for (const char* run : {"r1", "r2", "r3"})
    EXPECT_THAT(documents_[0], HasSubstr(trace_id_of(RunId(run))));
  EXPECT_EQ(sent_, 3);
  EXPECT_THAT(dropped_, ElementsAre(Pair("unreadable", 1)));
  EXPECT_THAT(said_, ElementsAre("the trace of the run gone is left out: there is no such run"));
}

TEST_F(TraceSenderTest, WhatIsNotTakenIsSentAgainAndThatIsSaidOnce) {
  const auto sender = make({busy(), busy(), busy(), taken()}, milliseconds(0));
  end(*sender, "r1");
  wait_for([&] { return sent_ == 1; });
  EXPECT_EQ(sender->drain(seconds(30)), 0);
  ASSERT_EQ(documents_.size(), 4u);
  EXPECT_EQ(documents_[0], documents_[3]);
  EXPECT_THAT(said_, ElementsAre("traces are not taken: it is busy"));
  EXPECT_THAT(dropped_, IsEmpty());
}

TEST_F(TraceSenderTest, WhoAsksToBeLeftAloneIs) {
  const auto sender = make({busy(milliseconds(200)), taken()}, milliseconds(0));
  const auto begun = std::chrono::steady_clock::now();
  end(*sender, "r1");
  wait_for([&] { return sent_ == 1; });
  EXPECT_GE(std::chrono::steady_clock::now() - begun, milliseconds(200));
}

TEST_F(TraceSenderTest, WhatIsRefusedIsDropped) {
  const auto sender = make({refused(), refused(), taken()}, milliseconds(0));
  for (int run = 1; run <= 3; ++run) {
    end(*sender, "r" + std::to_string(run));
    wait_for([&] { return requests() == static_cast<std::size_t>(run); });
  }
  EXPECT_EQ(sender->drain(seconds(30)), 0);
  EXPECT_EQ(sent_, 1);
  EXPECT_THAT(dropped_, ElementsAre(Pair("refused", 2)));
  EXPECT_THAT(said_, ElementsAre("traces are refused: a answered with status 400"));
}

TEST_F(TraceSenderTest, WhatIsTakenInPartIsNotSentAgain) {
  const auto sender =
      make({{OtlpAnswer::Kind::taken, "a did not take 2 spans", 2, std::nullopt}}, milliseconds(0));
  end(*sender, "r1");
  EXPECT_EQ(sender->drain(seconds(30)), 0);
  EXPECT_EQ(documents_.size(), 1u);
  EXPECT_EQ(sent_, 1);
  EXPECT_EQ(spans_refused_, 2);
  EXPECT_EQ(said_.size(), 1u);
}

TEST_F(TraceSenderTest, OfTooManyTheOldestAreDropped) {
  hangs_ = true;
  const auto sender = make({taken()}, milliseconds(0), 10);
  end(*sender, "first");
  wait_for([&] { return requests() == 1; });
  const auto begun = std::chrono::steady_clock::now();
  for (int run = 0; run < 15; ++run)
    end(*sender, "r" + std::to_string(run));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(5)) << "nobody waits";
  {
    const std::lock_guard lock(mutex_);
    EXPECT_THAT(dropped_, ElementsAre(Pair("full", 5)));
  }
  hangs_ = false;
  EXPECT_EQ(sender->drain(seconds(30)), 0);
  ASSERT_EQ(documents_.size(), 2u);
  EXPECT_THAT(documents_[1], testing::Not(HasSubstr(trace_id_of(RunId("r4")))));
  EXPECT_THAT(documents_[1], HasSubstr(trace_id_of(RunId("r5"))));
  EXPECT_EQ(sent_, 11);
}

TEST_F(TraceSenderTest, WhoLeavesWaitsNoLongerThanItSays) {
  hangs_ = true;
  const auto sender = make({busy()}, milliseconds(0));
  for (const char* run : {"r1", "r2", "r3"})
    end(*sender, run);
  wait_for([&] { return requests() == 1; });
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(sender->drain(milliseconds(100)), 3);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(10));
  EXPECT_THAT(dropped_, ElementsAre(Pair("stopped", 3)));
  EXPECT_EQ(sender->drain(seconds(30)), 0) << "that was told";
}

TEST_F(TraceSenderTest, WhoLeavesTriesOnceWhereNobodyAnswers) {
  const auto sender = make({busy()}, seconds(60));
  end(*sender, "r1");
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(sender->drain(seconds(60)), 1);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(20));
  EXPECT_EQ(documents_.size(), 1u);
}

TEST_F(TraceSenderTest, TheParentOfARunGoesWithIt) {
  const auto sender = make({taken()}, seconds(60));
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  sender->set_parent(RunId("r1"), *TraceParent::parse("00-" + trace + "-00f067aa0ba902b7-01"));
  end(*sender, "r1");
  end(*sender, "r2");
  EXPECT_EQ(sender->drain(seconds(30)), 0);
  EXPECT_THAT(documents_.at(0), HasSubstr("\"traceId\":\"" + trace));
  EXPECT_THAT(documents_.at(0), HasSubstr(trace_id_of(RunId("r2"))));
}

// As while another server of the store takes over.
TEST_F(TraceSenderTest, WhatCannotBeReadNowWaits) {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  store_is_away_ = true;
  const auto sender = make({taken()}, milliseconds(0));
  sender->set_parent(RunId("r1"), *TraceParent::parse("00-" + trace + "-00f067aa0ba902b7-01"));
  end(*sender, "r1");
  end(*sender, "r2");
  wait_for([&] { return reads_ >= 3; });
  EXPECT_EQ(requests(), 0u);
  store_is_away_ = false;
  wait_for([&] { return sent_ == 2; });
  EXPECT_EQ(sender->drain(seconds(30)), 0);
  EXPECT_THAT(documents_.at(0), HasSubstr("\"traceId\":\"" + trace)) << "its parent waited with it";
  EXPECT_THAT(dropped_, IsEmpty());
  EXPECT_THAT(said_, ElementsAre("traces wait, as runs cannot be read: no answer"));
}

TEST_F(TraceSenderTest, OfTooManyThatCannotBeReadTheOldestAreDropped) {
  store_is_away_ = true;
  const auto sender = make({taken()}, milliseconds(0), 2);
  for (const char* run : {"r1", "r2", "r3"})
    end(*sender, run);
  wait_for([&, before = reads_.load()] { return reads_ >= before + 2; });
  store_is_away_ = false;
  wait_for([&] { return sent_ == 2; });
  EXPECT_EQ(sender->drain(seconds(30)), 0);
  EXPECT_THAT(dropped_, ElementsAre(Pair("full", 1)));
}

TEST_F(TraceSenderTest, WhoLeavesReadsNoMoreWhenItsTimeIsOver) {
  reading_takes_ = milliseconds(100);
  const auto sender = make({busy()}, seconds(60));
  for (int run = 0; run < 50; ++run)
    end(*sender, "r" + std::to_string(run));
  EXPECT_EQ(sender->drain(milliseconds(50)), 50);
  EXPECT_LT(reads_, 10);
}

TEST_F(TraceSenderTest, WhoLeavesWhileTheStoreIsAwaySaysWhy) {
  store_is_away_ = true;
  const auto sender = make({taken()}, seconds(60));
  for (const char* run : {"r1", "r2"})
    end(*sender, run);
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(sender->drain(seconds(60)), 2);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(20));
  EXPECT_THAT(said_, ElementsAre("traces wait, as runs cannot be read: no answer"));
  EXPECT_THAT(dropped_, ElementsAre(Pair("stopped", 2)));
}

TEST(OtlpClientTest, PlainHttpGoesToNoPlaceThatIsNotNamed) {
  const SystemClock clock;
  OtlpSpec spec;
  spec.endpoint = "http://192.0.1.1:4318";
  spec.networks = {"10.0.0.0/8"};
  spec.timeout = seconds(1);
  const auto client = OtlpClient::make(spec, clock);
  ASSERT_TRUE(client.ok());
  const Cancel cancel;
  const OtlpAnswer answer = (*client)->post("{}", cancel);
  EXPECT_EQ(answer.kind, OtlpAnswer::Kind::again);
  EXPECT_THAT(answer.why, HasSubstr("in none of the networks that plain http is for"));
}

TEST(OtlpAnswers, StatusesMeanWhatTheStandardSays) {
  using Kind = OtlpAnswer::Kind;
  for (const int status : {200, 202})
    EXPECT_EQ(meaning_of({status, {}, "{}"}).kind, Kind::taken) << status;
  for (const int status : {429, 502, 503, 504})
    EXPECT_EQ(meaning_of({status, {}, ""}).kind, Kind::again) << status;
  for (const int status : {301, 400, 401, 403, 404, 413, 500, 501})
    EXPECT_EQ(meaning_of({status, {}, ""}).kind, Kind::refused) << status;
}

TEST(OtlpAnswers, HowLongToWaitIsReadAndBounded) {
  const auto after = [](const char* text) {
    return meaning_of({503, {{"retry-after", text}}, ""}).after;
  };
  EXPECT_EQ(after("7"), seconds(7));
  EXPECT_EQ(after("86400"), seconds(600));
  for (const char* none :
       {"", "-1", "soon", "7s", "99999999999999999999", "Fri, 31 Dec 1999 23:59:59 GMT"})
    EXPECT_FALSE(after(none)) << none;
}

TEST(OtlpAnswers, SpansThatWereNotTakenAreCountedAndNoWordOfTheirsIsRepeated) {
  const auto told = [](const char* body) { return meaning_of({200, {}, body}); };
  const OtlpAnswer partial =
      told(R"({"partialSuccess": {"rejectedSpans": "3", "errorMessage": "canary"}})");
  EXPECT_EQ(partial.spans_refused, 3);
  EXPECT_EQ(partial.why, "did not take 3 spans");
  EXPECT_EQ(told(R"({"partialSuccess": {"rejectedSpans": 2}})").spans_refused, 2);
  for (const char* all :
       {"", "{}", R"({"partialSuccess": {}})", "nonsense", "[1]", R"({"partialSuccess": 1})",
        R"({"partialSuccess": {"rejectedSpans": "x"}})"}) {
    EXPECT_EQ(told(all).spans_refused, 0) << all;
    EXPECT_EQ(told(all).why, "") << all;
  }
}

}  // namespace
}  // namespace tidemark
