#include "store/token_table.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "store/migrations.h"
#include "store/store_fixture_test.h"

namespace tidemark {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// The tables of what is done over the network, in each system.
class AccessTablesTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    database_of_tables_ = open_database();
  }
  void TearDown() override {
    database_of_tables_.reset();
    StoreFixture::TearDown();
  }
  static TokenRecord token(const std::string& id) {
    TokenRecord record;
    record.id = id;
    record.name = "ci";
    record.role = "operator";
    record.jobs = {"sales_*", "orders"};
    record.hash = "h-" + id;
    record.made_by = "root";
    return record;
  }
  static AuditEntry deed(const std::string& what, const std::string& on = {}) {
    AuditEntry entry;
    entry.name = "root";
    entry.peer = "here";
    entry.what = what;
    entry.on = on;
    return entry;
  }

  std::unique_ptr<SqlDatabase> database_of_tables_;
};

TEST_P(AccessTablesTest, TokensReadAsTheyWereAdded) {
  TokenTable tokens(*database_of_tables_);
  ASSERT_TRUE(tokens.add(token("a"), {}, deed("token.create", "a")).ok());
  ASSERT_TRUE(tokens.add(token("b"), hours(1), deed("token.create", "b")).ok());
  ASSERT_TRUE(tokens.touch({"b"}).ok());
  const TokensThen then = tokens.list().value();
  ASSERT_EQ(then.tokens.size(), 2U);
  const TokenRecord& first = then.tokens[0].id == "a" ? then.tokens[0] : then.tokens[1];
  const TokenRecord& second = then.tokens[0].id == "a" ? then.tokens[1] : then.tokens[0];
  EXPECT_EQ(first.name, "ci");
  EXPECT_EQ(first.role, "operator");
  EXPECT_EQ(first.jobs, (std::vector<std::string>{"sales_*", "orders"}));
  EXPECT_EQ(first.hash, "h-a");
  EXPECT_EQ(first.made_by, "root");
  EXPECT_FALSE(first.expires_at || first.used_at || first.revoked_at);
  EXPECT_EQ(second.expires_at->get() - second.created_at.get(), 3'600'000'000);
  EXPECT_TRUE(second.used_at);
  EXPECT_TRUE(second.is_live(then.now));
  EXPECT_FALSE(second.is_live(*second.expires_at));
}

TEST_P(AccessTablesTest, ATokenIsRevokedOnceAndWithItsAccount) {
  TokenTable tokens(*database_of_tables_);
  AuditLog log(*database_of_tables_, {});
  ASSERT_TRUE(tokens.add(token("a"), {}, deed("token.create", "a")).ok());
  const TokenRecord once = tokens.revoke("a", deed("token.revoke", "a")).value();
  const TokenRecord twice = tokens.revoke("a", deed("token.revoke", "a")).value();
  ASSERT_TRUE(once.revoked_at && twice.revoked_at);
  EXPECT_EQ(*once.revoked_at, *twice.revoked_at);
  EXPECT_EQ(tokens.revoke("none", deed("token.revoke", "none")).error().code, "token.unknown");
  const auto entries = log.list({}).value();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(std::min(entries[0].what, entries[1].what), "token.create");
  EXPECT_EQ(std::max(entries[0].what, entries[1].what), "token.revoke");
}

TEST_P(AccessTablesTest, WhatCannotBeAddedLeavesNoAccount) {
  TokenTable tokens(*database_of_tables_);
  ASSERT_TRUE(tokens.add(token("a"), {}, deed("token.create", "a")).ok());
  EXPECT_FALSE(tokens.add(token("a"), {}, deed("token.create", "again")).ok());
  TokenRecord wrong = token("b");
  wrong.role = "god";
  EXPECT_FALSE(tokens.add(wrong, {}, deed("token.create", "b")).ok());
  EXPECT_EQ(tokens.list()->tokens.size(), 1U);
  EXPECT_EQ(AuditLog(*database_of_tables_, {}).list({})->size(), 1U);
}

TEST_P(AccessTablesTest, EntriesAreListedByPagesNewestFirst) {
  AuditLog log(*database_of_tables_, {});
  for (int i = 0; i < 7; ++i) {
    AuditEntry entry = deed("run.start", "job" + std::to_string(i));
    entry.request = "r" + std::to_string(i);
    entry.token = "t";
    entry.status = 202;
    ASSERT_TRUE(log.append(entry).ok());
    clock_.advance(std::chrono::milliseconds(1));
  }
  AuditFilter filter{.limit = 3};
  std::vector<std::string> seen;
  while (true) {
    const auto page = log.list(filter).value();
    if (page.empty()) break;
    EXPECT_LE(page.size(), 3U);
    for (const AuditEntry& entry : page)
      seen.push_back(entry.on);
    filter.before = page.back().id;
  }
  EXPECT_EQ(seen,
            (std::vector<std::string>{"job6", "job5", "job4", "job3", "job2", "job1", "job0"}));
  const AuditEntry newest = log.list({.limit = 1})->front();
  EXPECT_EQ(newest.request, "r6");
  EXPECT_EQ(newest.token, "t");
  EXPECT_EQ(newest.name, "root");
  EXPECT_EQ(newest.peer, "here");
  EXPECT_EQ(newest.what, "run.start");
  EXPECT_EQ(newest.status, 202);
  filter.before = "x";
  EXPECT_EQ(log.list(filter).error().code, "audit.bad_cursor");
}

TEST_P(AccessTablesTest, EntriesAreForgottenWhenTheirTimeIsOver) {
  const auto keep = milliseconds(GetParam() == System::sqlite ? 86'400'000 : 1);
  AuditLog forever(*database_of_tables_, {});
  ASSERT_TRUE(forever.append(deed("old")).ok());
  clock_.advance(hours(25));
  std::this_thread::sleep_for(milliseconds(5));  // of a server's clock
  AuditLog log(*database_of_tables_, keep);
  ASSERT_TRUE(log.append(deed("new")).ok());
  const auto entries = log.list({}).value();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].what, "new");
}

INSTANTIATE_TEST_SUITE_P(Stores, AccessTablesTest,
                         ::testing::Values(System::sqlite, System::postgres), name_of);

}  // namespace
}  // namespace tidemark
