#include "store/secret_table.h"

#include <gtest/gtest.h>

#include "store/store_fixture_test.h"

namespace tidemark {
namespace {

// In each system.
class SecretTableTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    own_ = open_database();
    table_.emplace(*own_);
  }
  void TearDown() override {
    table_.reset();
    own_.reset();
    StoreFixture::TearDown();
  }
  static AuditEntry deed(const char* what) {
    AuditEntry entry;
    entry.what = what;
    return entry;
  }
  Result<SecretRecord> put(const std::string& name, const std::string& key) {
    return table_->put(
        name, "root",
        [&](const std::string& project, std::int64_t version) -> Result<Sealed> {
          project_ = project;
          return Sealed{key, std::string("k\0", 2) + std::to_string(version), "v\xff" + name};
        },
        deed("secret.set"));
  }
  std::size_t accounts() { return AuditLog(*own_, {}).list({.limit = 100})->size(); }

  std::unique_ptr<SqlDatabase> own_;
  std::optional<SecretTable> table_;
  std::string project_;
};

TEST_P(SecretTableTest, SecretsReadAsTheyWereSealed) {
  ASSERT_TRUE(put("a", "k1").ok());
  const std::string project = project_;
  EXPECT_EQ(project.size(), 32U);
  ASSERT_EQ(put("a", "k2")->version, 2);
  EXPECT_EQ(project_, project);
  const auto found = table_->find("a").value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->record.version, 2);
  EXPECT_EQ(found->record.key, "k2");
  EXPECT_EQ(found->record.set_by, "root");
  EXPECT_EQ(found->sealed.sealed_key, std::string("k\0", 2) + "2");
  EXPECT_EQ(found->sealed.sealed,
            "v\xff"
            "a");
  EXPECT_EQ(found->project, project);
  EXPECT_FALSE(*table_->find("b"));
  EXPECT_EQ(accounts(), 2U);
  EXPECT_TRUE(table_->remove("a", deed("secret.remove")).value());
  EXPECT_FALSE(table_->remove("a", deed("secret.remove")).value());
  EXPECT_EQ(accounts(), 3U);
}

TEST_P(SecretTableTest, WhatWasSetMeanwhileIsNotSealedAgain) {
  for (const char* name : {"a", "b", "c"})
    ASSERT_TRUE(put(name, "k1").ok());
  EXPECT_EQ(table_->not_sealed_by("k2", 2)->size(), 2U);
  const auto before = table_->not_sealed_by("k2", 10).value();
  ASSERT_EQ(before.size(), 3U);
  ASSERT_TRUE(put("b", "k1").ok());
  ASSERT_TRUE(table_->remove("c", deed("secret.remove")).ok());
  std::vector<Sealed> now;
  for (const SealedSecret& secret : before)
    now.push_back({"k2", "again", secret.sealed.sealed});
  ASSERT_TRUE(table_->seal_again(before, now).ok());
  EXPECT_EQ(table_->find("a").value()->record.key, "k2");
  EXPECT_EQ(table_->find("a").value()->sealed.sealed_key, "again");
  EXPECT_EQ(table_->find("b").value()->record.key, "k1");
  EXPECT_EQ(table_->list()->size(), 2U);
}

INSTANTIATE_TEST_SUITE_P(Stores, SecretTableTest,
                         ::testing::Values(System::sqlite, System::postgres), name_of);

}  // namespace
}  // namespace tidemark
