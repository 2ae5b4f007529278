#include "access/stored_secrets.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "drivers/sqlite/database.h"
#include "store/sqlite_database.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;

constexpr const char* canary = "p@ss:w/rd?&%41 canary";

std::string text_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

class StoredSecretsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "tidemark-secrets-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    secrets_ = open();
  }
  void TearDown() override {
    secrets_.reset();
    ::unsetenv("TIDEMARK_TEST_KEY");
    fs::remove_all(dir_);
  }
  std::unique_ptr<StoredSecrets> open(const char* env = "") {
    return open_in(dir_, {key_file(), env});
  }
  std::unique_ptr<StoredSecrets> open_in(const fs::path& dir, const KeyPlace& place) {
    return StoredSecrets::open(open_sqlite_database(dir / "store.db", clock_).value(), place,
                               files_)
        .value();
  }
  fs::path key_file() const { return dir_ / "keys" / "secret.key"; }
  std::string value(const std::string& name) {
    const auto got = secrets_->get(name);
    return got.ok() ? got->reveal() : got.error().code;
  }
  void set(const std::string& name, const std::string& value) {
    const auto done = secrets_->set(name, Secret(value), by());
    ASSERT_TRUE(done.ok()) << done.error().describe();
  }
  static Deed by() {
    Deed deed;
    deed.name = "root";
    return deed;
  }
  void in_the_store(const std::string& sql) {
    sqlite::OpenOptions options;
    options.path = (dir_ / "store.db").string();
    auto database = sqlite::Database::open(options);
    ASSERT_TRUE(database.ok() && database->execute(sql).ok()) << sql;
  }

  fs::path dir_;
  SystemFiles files_;
  ManualClock clock_{UtcMicros(1'795'269'600'000'000)};
  Cancel cancel_;
  std::unique_ptr<StoredSecrets> secrets_;
};

TEST_F(StoredSecretsTest, ASecretReadsAsItWasSet) {
  set("shop", canary);
  set("other", std::string("a\0b\n", 4));
  EXPECT_EQ(value("shop"), canary);
  EXPECT_EQ(value("other"), std::string("a\0b\n", 4));
  EXPECT_EQ(value("nothing"), "secret.unknown");
  set("shop", "another");
  EXPECT_EQ(value("shop"), "another");
  const auto all = secrets_->list().value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].name, "shop");
  EXPECT_EQ(all[1].version, 2);
  EXPECT_EQ(all[1].set_by, "root");
  ASSERT_TRUE(secrets_->remove("shop", by()).ok());
  EXPECT_EQ(value("shop"), "secret.unknown");
  EXPECT_EQ(secrets_->remove("shop", by()).error().code, "secret.unknown");
}

TEST_F(StoredSecretsTest, WhatCannotBeOneIsRefused) {
  for (const char* name : {"", "a b", "../x", "-x", "a}"})
    EXPECT_EQ(secrets_->set(name, Secret("x"), by()).error().code, "user.bad_secret") << name;
  EXPECT_EQ(secrets_->set("a", Secret(), by()).error().code, "user.bad_secret");
  EXPECT_EQ(secrets_->set("a", Secret(std::string(65'537, 'x')), by()).error().code,
            "user.bad_secret");
  EXPECT_TRUE(secrets_->set("a", Secret(std::string(65'536, 'x')), by()).ok());
}

TEST_F(StoredSecretsTest, NeitherTheStoreNorAnythingBesideHasIt) {
  set("shop", canary);
  secrets_.reset();
  const std::string key = text_of(key_file());
  for (const auto& entry : fs::recursive_directory_iterator(dir_)) {
    if (!entry.is_regular_file()) continue;
    const std::string text = text_of(entry.path());
    EXPECT_EQ(text.find("canary"), std::string::npos) << entry.path();
    if (entry.path() != key_file()) {
      EXPECT_EQ(text.find(key.substr(key.size() - 65, 64)), std::string::npos) << entry.path();
    }
  }
}

TEST_F(StoredSecretsTest, TheKeyIsItsOwnersAlone) {
  set("shop", canary);
  struct stat found{};
  ASSERT_EQ(::stat(key_file().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600U);
  for (const fs::perms open :
       {fs::perms::group_read, fs::perms::others_read, fs::perms::group_write}) {
    fs::permissions(key_file(), fs::perms::owner_read | fs::perms::owner_write | open);
    const auto got = secrets_->get("shop");
    ASSERT_FALSE(got.ok());
    EXPECT_EQ(got.error().code, "secret.open_key");
    EXPECT_NE(got.error().hint.find("chmod 600"), std::string::npos);
    EXPECT_FALSE(secrets_->set("shop", Secret("x"), by()).ok());
  }
}

TEST_F(StoredSecretsTest, ARowInThePlaceOfAnotherIsFoundOut) {
  set("mine", "my own");
  set("admin", canary);
  in_the_store(
      "UPDATE etl_secrets SET sealed_key = (SELECT sealed_key FROM etl_secrets WHERE name "
      "= 'admin'), sealed = (SELECT sealed FROM etl_secrets WHERE name = 'admin') WHERE "
      "name = 'mine'");
  EXPECT_EQ(value("mine"), "secret.damaged");
  EXPECT_EQ(value("admin"), canary);
  in_the_store("UPDATE etl_secrets SET version = 7 WHERE name = 'admin'");
  EXPECT_EQ(value("admin"), "secret.damaged");
  set("admin", "again");
  in_the_store("UPDATE etl_project SET project_id = 'another'");
  EXPECT_EQ(value("admin"), "secret.damaged");
}

TEST_F(StoredSecretsTest, AnOldVersionDoesNotComeBack) {
  set("shop", "old");
  in_the_store("CREATE TABLE kept AS SELECT * FROM etl_secrets");
  set("shop", "new");
  in_the_store(
      "UPDATE etl_secrets SET sealed_key = (SELECT sealed_key FROM kept), sealed = "
      "(SELECT sealed FROM kept)");
  EXPECT_EQ(value("shop"), "secret.damaged");
}

TEST_F(StoredSecretsTest, StoreAndKeyOpenElsewhere) {
  set("shop", canary);
  secrets_.reset();
  const fs::path elsewhere = dir_ / "elsewhere";
  fs::create_directory(elsewhere);
  for (const auto& entry : fs::directory_iterator(dir_)) {
    if (entry.is_regular_file()) fs::copy(entry.path(), elsewhere);
  }
  fs::copy(key_file(), elsewhere / "the.key");
  secrets_ = open_in(elsewhere, {elsewhere / "the.key", ""});
  EXPECT_EQ(value("shop"), canary);

  secrets_ = open_in(elsewhere, {elsewhere / "none.key", ""});
  const auto without = secrets_->get("shop");
  ASSERT_FALSE(without.ok());
  EXPECT_EQ(without.error().code, "secret.no_key");
  EXPECT_NE(without.error().message.find("none.key"), std::string::npos);
  // Beside a new key those that are there would be lost.
  EXPECT_EQ(secrets_->set("other", Secret("x"), by()).error().code, "secret.no_key");
  EXPECT_EQ(secrets_->rotate(by(), cancel_).error().code, "secret.no_key");
  EXPECT_FALSE(fs::exists(elsewhere / "none.key"));

  ::setenv("TIDEMARK_TEST_KEY", std::string(64, 'a').c_str(), 1);
  secrets_ = open_in(elsewhere, {{}, "TIDEMARK_TEST_KEY"});
  const auto wrong = secrets_->get("shop");
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().code, "secret.wrong_key");
  EXPECT_EQ(wrong.error().describe().find(std::string(64, 'a')), std::string::npos);
}

TEST_F(StoredSecretsTest, AKeyInTheEnvironment) {
  const std::string first(64, 'a');
  const std::string second(64, 'b');
  secrets_ = open("TIDEMARK_TEST_KEY");
  EXPECT_EQ(secrets_->set("shop", Secret("x"), by()).error().code, "secret.no_key");
  ::setenv("TIDEMARK_TEST_KEY", "not a key", 1);
  EXPECT_EQ(secrets_->set("shop", Secret("x"), by()).error().code, "secret.bad_key");
  ::setenv("TIDEMARK_TEST_KEY", first.c_str(), 1);
  set("shop", canary);
  EXPECT_EQ(secrets_->rotate(by(), cancel_).error().code, "secret.no_key");
  ::setenv("TIDEMARK_TEST_KEY", (second + " " + first).c_str(), 1);
  EXPECT_EQ(value("shop"), canary);
  const auto rotated = secrets_->rotate(by(), cancel_);
  ASSERT_TRUE(rotated.ok()) << rotated.error().describe();
  EXPECT_EQ(rotated->sealed, 1);
  ::setenv("TIDEMARK_TEST_KEY", second.c_str(), 1);
  EXPECT_EQ(value("shop"), canary);
  EXPECT_FALSE(fs::exists(key_file()));
}

TEST_F(StoredSecretsTest, OneThatWasStoppedGoesOn) {
  for (int i = 0; i < 3; ++i)
    set("s" + std::to_string(i), canary);
  const auto first = secrets_->rotate(by(), cancel_).value();
  EXPECT_TRUE(first.is_new);
  EXPECT_EQ(first.sealed, 3);
  // As one that died between two batches would leave it: a new key first, and nothing sealed again.
  const std::string before = text_of(key_file());
  const std::string added = std::string(64, 'c') + "\n" + before;
  std::ofstream(key_file(), std::ios::trunc) << added;
  const auto second = secrets_->rotate(by(), cancel_).value();
  EXPECT_FALSE(second.is_new);
  EXPECT_EQ(second.sealed, 3);
  EXPECT_EQ(text_of(key_file()), added);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(value("s" + std::to_string(i)), canary);
}

// More than are sealed together, while another process reads: no read fails.
TEST_F(StoredSecretsTest, AllAreSealedAgainWhileTheyAreRead) {
  constexpr int count = 1'200;
  for (int i = 0; i < count; ++i)
    set("s" + std::to_string(i), canary + std::to_string(i));
  std::atomic<bool> is_done{false};
  std::atomic<int> reads{0};
  std::atomic<int> failed{0};
  const auto beside = open();
  std::thread reader([&] {
    for (int i = 0; !is_done; i = (i + 1) % count) {
      const auto got = beside->get("s" + std::to_string(i));
      failed += got.ok() && got->reveal() == canary + std::to_string(i) ? 0 : 1;
      ++reads;
    }
  });
  for (int i = 0; i < 3; ++i) {
    const auto rotated = secrets_->rotate(by(), cancel_);
    EXPECT_TRUE(rotated.ok() && rotated->sealed == count);
  }
  is_done = true;
  reader.join();
  EXPECT_GT(reads, 0);
  EXPECT_EQ(failed, 0);
}

TEST(KeyRing, TwoProcessesMakeOneKey) {
  std::string name = (fs::temp_directory_path() / "tidemark-keys-XXXXXX").string();
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  SystemFiles files;
  std::vector<std::string> ids(8);
  std::vector<std::thread> threads;
  for (std::string& id : ids) {
    threads.emplace_back([&] {
      const KeyRingFile file({fs::path(name) / "secret.key", ""}, files);
      id = file.read_or_make()->ids();
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(std::count(ids.begin(), ids.end(), ids.front()), 8);
  fs::remove_all(name);
}

TEST(KeyRing, TheOneBeforeStillOpensAndOlderOnesDoNot) {
  KeyRing ring({});
  ring.exchange();
  const std::string first = ring.sealing().id();
  ring.exchange();
  const std::string second = ring.sealing().id();
  EXPECT_TRUE(ring.find(first) != nullptr && ring.find(second) != nullptr);
  ring.exchange();
  EXPECT_EQ(ring.find(first), nullptr);
  const auto read = KeyRing::parse(ring.text().reveal(), "here").value();
  EXPECT_EQ(read.ids(), ring.ids());
}

}  // namespace
}  // namespace tidemark
