#include "connectors/postgres/source_sessions.h"

#include "connectors/postgres/source_fixture_test.h"
#include "env/clock.h"

namespace tidemark::postgres {
namespace {

class SourceSessionsTest : public SourceTest {
 protected:
  void SetUp() override {
    SourceTest::SetUp();
    psql(
        "create table orders (id int primary key, at timestamptz); insert into orders values (1, "
        "now())");
  }
  SourceAccess access(const std::string& job) {
    SourceAccess made{options()};
    made.options.application_name = "tidemark " + job;
    made.options.settings = {{"default_transaction_read_only", "on"},
                             {"statement_timeout", "7000ms"}};
    made.guard = &guard_;
    made.job = job;
    made.options.admit = [this, job](Cancel& cancel) { return guard_.enter(job, cancel); };
    return made;
  }
  // Of all sessions with the database: the process, the run, and what it does.
  std::string sessions() {
    std::string found = psql(
        "select string_agg(pid || ' ' || application_name || ' ' || state, ', ') from "
        "pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()");
    while (!found.empty() && found.back() == '\n')
      found.pop_back();
    return found;
  }
  static std::string pid_of(const std::string& session) {
    return session.substr(0, session.find(' '));
  }
  Result<ReadRows> read_as(const std::string& job, const SourceSpec& spec) {
    PostgresSource source(access(job), spec, LoadStrategy::full);
    return read(source);
  }

  SystemClock clock_;
  static GuardSpec one_connection() {
    GuardSpec spec;
    spec.connections = 1;
    return spec;
  }
  Guard guard_{one_connection(), clock_};
};

TEST_F(SourceSessionsTest, TheNextRunTakesTheSessionOverAsANewOne) {
  auto first = read_as("one", query("select set_config('DateStyle', 'German', false) as style, "
                                    "set_config('role', 'pg_monitor', false) as role, "
                                    "set_config('statement_timeout', '5000', false) as timeout, "
                                    "pg_advisory_lock(1)::text as lock"));
  ASSERT_TRUE(first.ok()) << first.error().describe();
  const std::string kept = sessions();
  EXPECT_EQ(kept, pid_of(kept) + " tidemark idle idle");
  EXPECT_EQ(psql("select count(*) from pg_locks where locktype = 'advisory' and database = (select "
                 "oid from pg_database where datname = current_database())"),
            "0\n");
  auto second = read_as(
      "two", query("select pg_backend_pid()::text as a, current_setting('DateStyle') as b, "
                   "current_setting('statement_timeout') as c, current_setting('application_name') "
                   "as d, current_user::text as e, "
                   "current_setting('default_transaction_read_only') as f, "
                   "current_setting('TimeZone') as g"));
  ASSERT_TRUE(second.ok()) << second.error().describe();
  const std::vector<std::optional<std::string>> wanted{
      pid_of(kept), "ISO, YMD", "7s", "tidemark two", "postgres", "on", "UTC"};
  EXPECT_EQ(second->rows.at(0), wanted);
}

TEST_F(SourceSessionsTest, ATableThatWasAlteredMeanwhileIsSeenAsItIs) {
  ASSERT_TRUE(read_as("one", table("public.orders")).ok());
  const std::string kept = sessions();
  psql(
      "alter table orders drop column at, add column state text default 'new', alter column id "
      "type bigint");
  auto second = read_as("two", table("public.orders"));
  ASSERT_TRUE(second.ok()) << second.error().describe();
  EXPECT_EQ(second->schema.names(), (std::vector<std::string>{"id", "state"}));
  EXPECT_EQ(second->rows.at(0), (std::vector<std::optional<std::string>>{"1", "new"}));
  EXPECT_EQ(pid_of(sessions()), pid_of(kept));
}

TEST_F(SourceSessionsTest, WhatEachRunAsksIsPreparedOnce) {
  psql("create index on orders (at)");
  SourceSpec spec = table("public.orders");
  spec.watermark = Name{"at", {}};
  for (const char* job : {"one", "two", "three"}) {
    PostgresSource source(access(job), spec, LoadStrategy::upsert);
    auto bound = source.upper({}, cancel_);
    ASSERT_TRUE(bound.ok()) << bound.error().describe();
    EXPECT_EQ(source.discover(cancel_)->names(), (std::vector<std::string>{"id", "at"}));
    EXPECT_EQ(source.discover(cancel_)->key, (std::vector<std::string>{"id"}));
  }
  auto counted = read_as("four", query("select count(*)::int as n, count(distinct statement)::int "
                                       "as d from pg_prepared_statements"));
  ASSERT_TRUE(counted.ok()) << counted.error().describe();
  const auto& row = counted->rows.at(0);
  EXPECT_EQ(row.at(0), row.at(1)) << "none twice";
  EXPECT_GE(std::stoi(row.at(0).value_or("0")), 5);
}

TEST_F(SourceSessionsTest, OneThatIsGoneIsReplacedByANewOne) {
  ASSERT_TRUE(read_as("one", table("public.orders")).ok());
  const std::string kept = sessions();
  psql("select pg_terminate_backend(" + pid_of(kept) + ")");
  auto second = read_as("two", table("public.orders"));
  ASSERT_TRUE(second.ok()) << second.error().describe();
  EXPECT_NE(pid_of(sessions()), pid_of(kept));
}

TEST_F(SourceSessionsTest, OneInWhichSomethingFailedIsEnded) {
  EXPECT_FALSE(read_as("one", query("select 1 / (id - 1) as x from orders")).ok());
  EXPECT_EQ(sessions(), "");
}

TEST_F(SourceSessionsTest, AnotherUserGetsAnotherSession) {
  ASSERT_TRUE(read_as("one", table("public.orders")).ok());
  const std::string kept = sessions();
  SourceAccess other = access("two");
  other.options.settings.pop_back();
  {
    PostgresSource source(other, table("public.orders"), LoadStrategy::full);
    ASSERT_TRUE(source.discover(cancel_).ok()) << "it had to give its place up";
  }
  EXPECT_NE(pid_of(sessions()), pid_of(kept));
  EXPECT_EQ(sessions().find(','), std::string::npos) << "one place, one session";
}

}  // namespace
}  // namespace tidemark::postgres
