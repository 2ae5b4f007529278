// What the rules find of plans, rows and comparisons; when they look, and which of several servers
// does; and that each rule is described.
#include "alert/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "alert/rules_fixture_test.h"

namespace tidemark {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class AlertRulesTest : public RulesTest {
 protected:
  // A comparison at that time, which ended so.
  void compare(const char* job, std::int64_t at, FireState state) {
    FireRecord fire = new_fire({JobName(job), FireTask::verify}, UtcMicros(at), "here");
    ASSERT_TRUE(store_->take_fire(fire, OnOpen::queue)->taken);
    fire.state = state;
    fire.reason = "id=4711 is missing";
    ASSERT_TRUE(store_->update_fire(fire).ok());
  }
};

TEST_F(AlertRulesTest, AWatermarkThatIsHeldForLongIsToldUntilARunIsFree) {
  add_job("orders");
  const UtcMicros since = clock_.now_utc();
  for (int number = 0; number < 30; ++number) {
    run("orders", RunState::skipped, "", {true, std::nullopt, ""});
    clock_.advance(minutes(1));
    if (number == 15) run("orders", RunState::failed, "source.gone");
  }
  ASSERT_THAT(told("watermark_held"), SizeIs(1)) << "one that failed says nothing of it";
  EXPECT_EQ(kept("watermark_held")[0].since, since);
  start_anew();
  EXPECT_THAT(told("watermark_held"), SizeIs(1));
  run("orders", RunState::done);
  EXPECT_THAT(told("watermark_held"), SizeIs(0));
  run("orders", RunState::done, "", {true, std::nullopt, ""});
  EXPECT_THAT(told("watermark_held"), SizeIs(0)) << "for a moment only";
}

TEST_F(AlertRulesTest, AShareOfRefusedRowsIsToldUntilARunReadsBetterOnes) {
  JobSpec& job = add_job("orders");
  job.quarantine.alert_above = 0.01;
  add_job("careless");
  end_run(begin_run("careless"), RunState::done, "", {100, 100});
  end_run(begin_run("orders"), RunState::done, "", {1000, 10});
  EXPECT_THAT(told("quarantine"), SizeIs(0)) << "a hundredth is not above";
  end_run(begin_run("orders"), RunState::done, "", {1000, 11});
  ASSERT_THAT(told("quarantine"), SizeIs(1));
  EXPECT_THAT(kept("quarantine")[0].text, HasSubstr("refused 11 of 1,000 rows (1.1%)"));
  start_anew();
  EXPECT_THAT(told("quarantine"), SizeIs(1));
  run("orders", RunState::skipped);
  EXPECT_THAT(told("quarantine"), SizeIs(1)) << "it read nothing";
  end_run(begin_run("orders"), RunState::done, "", {1000, 0});
  EXPECT_THAT(told("quarantine"), SizeIs(0));
}

TEST_F(AlertRulesTest, OtherColumnsAreToldForADay) {
  add_job("orders");
  run("orders", RunState::done, "", {false, std::nullopt, "column `channel` (VARCHAR) is new"});
  run("orders", RunState::done);
  ASSERT_THAT(told("schema_drift"), SizeIs(1));
  EXPECT_THAT(kept("schema_drift")[0].text, HasSubstr("column `channel` (VARCHAR) is new"));
  clock_.advance(hours(23));
  start_anew();
  EXPECT_THAT(told("schema_drift"), SizeIs(1));
  clock_.advance(hours(1));
  EXPECT_THAT(told("schema_drift"), SizeIs(0));
}

TEST_F(AlertRulesTest, AComparisonThatFailedIsToldUntilOneFindsAllEqual) {
  JobSpec& job = add_job("orders");
  job.verify.emplace();
  rules();
  EXPECT_THAT(told("verify_differs"), SizeIs(0));
  compare("orders", 100, FireState::failed);
  ASSERT_THAT(told("verify_differs"), SizeIs(1));
  const Alert alert = kept("verify_differs")[0];
  EXPECT_EQ(alert.severity, AlertSeverity::critical);
  EXPECT_THAT(alert.text + alert.hint, Not(HasSubstr("4711"))) << "keys stay here";
  start_anew();
  EXPECT_THAT(told("verify_differs"), SizeIs(1));
  compare("orders", 200, FireState::done);
  EXPECT_THAT(told("verify_differs"), SizeIs(0));
  compare("orders", 300, FireState::failed);
  EXPECT_THAT(told("verify_differs"), SizeIs(1));
  clock_.advance(minutes(1));
  const StreamId stream{JobName("orders"), StreamName("main")};
  ASSERT_TRUE(store_->keep_proof(stream, {"all", clock_.now_utc()}).ok());
  EXPECT_THAT(told("verify_differs"), SizeIs(0)) << "one by hand made it good";
}

TEST_F(AlertRulesTest, AnEndIsKnownByItsTimeAlsoWhereItWasWrittenLate) {
  add_job("orders");
  EXPECT_THAT(told("run_failed"), SizeIs(0));
  const RunId late = begin_run("orders");
  clock_.advance(minutes(1));
  EXPECT_THAT(told("run_failed"), SizeIs(0));
  clock_.advance(-std::chrono::seconds(5));  // as a transaction that was begun before that look
  end_run(late, RunState::failed, "source.gone");
  clock_.advance(std::chrono::seconds(6));
  EXPECT_THAT(told("run_failed"), SizeIs(1));
}

TEST_F(AlertRulesTest, AnEditSoonAfterAnEndForgetsNothing) {
  JobSpec& job = add_job("orders");
  add_job("customers");
  run("orders", RunState::failed, "source.gone");
  EXPECT_THAT(told("run_failed"), SizeIs(1));
  run("orders", RunState::failed, "source.gone");
  ASSERT_THAT(told("run_failed"), SizeIs(1));
  job.content_hash = "edited";
  rules().set_jobs({specs_.begin(), specs_.end()});
  ASSERT_THAT(told("run_failed"), SizeIs(1));
  EXPECT_THAT(kept("run_failed")[0].text, HasSubstr("2 times in a row"));
  ASSERT_THAT(told("run_failed"), SizeIs(1));
  EXPECT_THAT(kept("run_failed")[0].text, HasSubstr("2 times in a row")) << "each counts once";
}

TEST_F(AlertRulesTest, ALookThatIsBrokenOffTellsNothingAndTheNextOneAll) {
  add_job("orders");
  run("orders", RunState::failed, "source.gone");
  Cancel stop;
  stop.request();
  EXPECT_EQ(rules().look(stop).error().code, "run.cancelled");
  EXPECT_FALSE(board_.told.contains(AlertScope::project));
  EXPECT_THAT(told("run_failed"), SizeIs(1));
}

TEST_F(AlertRulesTest, AClockThatWentBackForgetsNothing) {
  add_job("orders");
  run("orders", RunState::failed, "source.gone");
  EXPECT_THAT(told("run_failed"), SizeIs(1));
  clock_.advance(-hours(2));
  EXPECT_THAT(told("run_failed"), SizeIs(1));
}

TEST_F(AlertRulesTest, ManyEndsAreReadInPieces) {
  for (int number = 0; number < 30; ++number)
    add_job("job" + std::to_string(number));
  EXPECT_THAT(told("run_failed"), SizeIs(0));
  for (int number = 0; number < 2'300; ++number)
    run("job" + std::to_string(number % 30), RunState::failed, "source.gone");
  EXPECT_THAT(told("run_failed"), SizeIs(30));
}

TEST_F(AlertRulesTest, OfSeveralServersOneTellsAndAnotherGoesOn) {
  shared_ = true;
  add_job("orders");
  run("orders", RunState::failed, "source.gone");
  EXPECT_THAT(told("run_failed"), SizeIs(1));
  const auto first = std::move(rules_);
  board_.told.clear();
  server_ = "there";
  start_anew();
  EXPECT_THAT(told("run_failed"), SizeIs(0));
  EXPECT_FALSE(board_.told.contains(AlertScope::project))
      << "not its turn: not even that nothing is";
  EXPECT_TRUE(board_.told.contains(AlertScope::server));
  clock_.advance(minutes(1));
  EXPECT_THAT(told("run_failed"), SizeIs(1)) << "the other was silent, and what it found holds";
  const int times = board_.times[AlertScope::project];
  ASSERT_TRUE(first->look().ok());
  EXPECT_EQ(board_.times[AlertScope::project], times);
  rules_->look_until([] {
    static Cancel over;
    over.request();
    return std::ref(over);
  }());
  ASSERT_TRUE(first->look().ok());
  EXPECT_EQ(board_.times[AlertScope::project], times + 1) << "the turn was given back";
}

TEST_F(AlertRulesTest, ALookComesSoonAfterAnEnd) {
  add_job("orders");
  SystemClock clock;
  AlertRulesOptions options;
  options.server = "here";
  AlertRules rules(
      {*database_, clock, board_, [] { return std::nullopt; }, [this] { return sight_; }},
      settings_, options);
  rules.set_jobs({specs_.begin(), specs_.end()});
  Cancel stop;
  std::thread looks([&] { rules.look_until(stop); });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  run("orders", RunState::failed, "source.gone");
  rules.ended({});
  std::this_thread::sleep_for(std::chrono::milliseconds(2'000));
  stop.request();
  looks.join();
  EXPECT_THAT(kept("run_failed"), SizeIs(1)) << "and not after fifteen seconds";
  EXPECT_LE(board_.times[AlertScope::project], 3);
}

TEST_F(AlertRulesTest, AStoreThatDoesNotAnswerResolvesNothing) {
  add_job("orders");
  run("orders", RunState::failed, "source.gone");
  EXPECT_THAT(told("run_failed"), SizeIs(1));
  std::filesystem::rename(dir_ / "store.db", dir_ / "away.db");
  database_ = open_sqlite_database(dir_ / "store.db", clock_).value();  // without tables
  start_anew();
  EXPECT_FALSE(rules_->look().ok());
  EXPECT_THAT(kept("run_failed"), SizeIs(1));
}

std::string text_of(const std::string& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

TEST(AlertRuleList, EachRuleHasALineAndAPageAndNothingElseHas) {
  const std::string page = text_of("docs/alerts-rules.md");
  std::size_t lines = 0;
  for (std::size_t at = 0; (at = page.find("\n| `", at)) != std::string::npos; ++at)
    ++lines;
  EXPECT_EQ(lines, alert_rules().size());
  for (const AlertRule& rule : alert_rules()) {
    const std::string name(rule.name);
    const std::string runbook(rule.runbook);
    const std::size_t line = page.find("\n| `" + name + "` |");
    ASSERT_NE(line, std::string::npos) << name;
    EXPECT_THAT(page.substr(line, page.find('\n', line + 1) - line),
                HasSubstr("(runbooks/" + runbook + ")"));
    EXPECT_FALSE(text_of("docs/runbooks/" + runbook).empty()) << runbook;
    EXPECT_THAT(text_of("docs/runbooks/" + runbook), HasSubstr("`" + name + "`")) << runbook;
    EXPECT_THAT(text_of("docs/runbooks/README.md"), HasSubstr("`" + name + "`"));
  }
}

}  // namespace
}  // namespace tidemark
