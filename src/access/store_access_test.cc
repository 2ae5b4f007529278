#include "access/store_access.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "store/sqlite_database.h"

namespace tidemark {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* here = "192.0.2.1";

// What counts how often it is asked.
class CountedDatabase final : public SqlDatabase {
 public:
  CountedDatabase(std::unique_ptr<SqlDatabase> inner, int& asked, bool& is_down)
      : inner_(std::move(inner)), asked_(asked), is_down_(is_down) {}
  Status read(const Work& work) override {
    ++asked_;
    if (is_down_) return internal_error("store.down", "no answer");
    return inner_->read(work);
  }
  Status write(const Work& work, std::optional<milliseconds> patience) override {
    ++asked_;
    if (is_down_) return internal_error("store.down", "no answer");
    return inner_->write(work, patience);
  }
  Status migrate(const Work& work) override { return inner_->migrate(work); }
  std::string name() const override { return inner_->name(); }

 private:
  std::unique_ptr<SqlDatabase> inner_;
  int& asked_;
  bool& is_down_;
};

class StoreAccessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-access-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    access_ = open();
  }
  void TearDown() override {
    access_.reset();
    std::filesystem::remove_all(dir_);
  }
  // Another process has another.
  std::unique_ptr<StoreAccess> open() {
    auto database = std::make_unique<CountedDatabase>(
        open_sqlite_database(dir_ / "store.db", clock_).value(), asked_, is_down_);
    return StoreAccess::open(std::move(database), hours(24 * 400), clock_).value();
  }
  MadeToken make(Role role = Role::operator_, std::optional<milliseconds> lifetime = {}) {
    auto made = access_->make({"ci", role, {"sales_*"}, lifetime}, by());
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().describe());
    clock_.advance(seconds(2));  // what was known before is too old
    return std::move(made).value();
  }
  static Deed by() {
    Deed deed;
    deed.name = "root";
    deed.peer = "local";
    return deed;
  }
  std::string refused(const std::string& bearer, const std::string& peer = here) {
    const auto entered = access_->enter(bearer, peer);
    return entered.ok() ? "let in" : entered.error().code;
  }
  // All are of one moment here, so their order says nothing.
  static const AuditEntry* entry_on(const std::vector<AuditEntry>& entries, std::string_view on) {
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const AuditEntry& entry) { return entry.on == on; });
    return found == entries.end() ? nullptr : &*found;
  }
  static std::string of_another_secret(std::string text) {
    text.back() = text.back() == '0' ? '1' : '0';
    return text;
  }

  std::filesystem::path dir_;
  ManualClock clock_{UtcMicros(1'795'269'600'000'000)};
  int asked_ = 0;
  bool is_down_ = false;
  std::unique_ptr<StoreAccess> access_;
};

TEST_F(StoreAccessTest, ATokenLetsItsOwnerIn) {
  const MadeToken made = make(Role::editor);
  EXPECT_TRUE(made.text.reveal().starts_with("tdm_"));
  EXPECT_EQ(made.text.reveal().size(), 85U);
  const auto principal = access_->enter(made.text.reveal(), here);
  ASSERT_TRUE(principal.ok()) << principal.error().describe();
  EXPECT_EQ(principal->token, made.record.id);
  EXPECT_EQ(principal->name, "ci");
  EXPECT_EQ(principal->role, Role::editor);
  EXPECT_TRUE(principal->may(Role::operator_) && !principal->may(Role::admin));
  EXPECT_TRUE(principal->is_for("sales_de") && !principal->is_for("orders"));
}

TEST_F(StoreAccessTest, NothingElseDoes) {
  const std::string text = make().text.reveal();
  for (const std::string& bearer :
       {std::string(), std::string("tdm_"), of_another_secret(text), text + "0",
        text.substr(0, text.size() - 1), "TDM_" + text.substr(4), new_token().text.reveal()}) {
    const auto entered = access_->enter(bearer, here);
    ASSERT_FALSE(entered.ok()) << bearer;
    EXPECT_EQ(entered.error().code, "access.denied");
    EXPECT_EQ(entered.error().describe().find(text.substr(21)), std::string::npos);
  }
}

TEST_F(StoreAccessTest, TheStoreHasNoToken) {
  const MadeToken made = make();
  access_.reset();
  std::stringstream bytes;
  for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
    std::ifstream file(entry.path(), std::ios::binary);
    bytes << file.rdbuf();
  }
  EXPECT_NE(bytes.str().find(made.record.id), std::string::npos);
  EXPECT_EQ(bytes.str().find(made.text.reveal().substr(21)), std::string::npos);
}

TEST_F(StoreAccessTest, ARevokedTokenIsRefusedWithinTwoSeconds) {
  const MadeToken made = make();
  ASSERT_EQ(refused(made.text.reveal()), "let in");
  const auto elsewhere = open();
  ASSERT_TRUE(elsewhere->revoke(made.record.id, by()).ok());
  clock_.advance(StoreAccess::seen_within);
  const auto entered = access_->enter(made.text.reveal(), here);
  ASSERT_FALSE(entered.ok());
  EXPECT_EQ(entered.error().code, "access.denied");
  EXPECT_NE(entered.error().message.find("was revoked"), std::string::npos);
}

TEST_F(StoreAccessTest, AnExpiredTokenIsRefusedAtItsTime) {
  const MadeToken made = make(Role::viewer, hours(1));
  clock_.advance(hours(1) - seconds(3));
  ASSERT_EQ(refused(made.text.reveal()), "let in");
  clock_.advance(milliseconds(999));  // what is known is fresh still
  ASSERT_EQ(refused(made.text.reveal()), "let in");
  clock_.advance(milliseconds(1));
  EXPECT_EQ(refused(made.text.reveal()), "access.denied");
  // Nobody guesses it, so that is no reason to lock anybody out.
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(refused(made.text.reveal()), "access.denied");
}

TEST_F(StoreAccessTest, WhoTriesTooManyIsNotHeardForAWhile) {
  const std::string text = make().text.reveal();
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(refused(new_token().text.reveal(), "198.51.100.7"), "access.denied");
  EXPECT_EQ(refused(new_token().text.reveal(), "198.51.100.7"), "access.locked");
  EXPECT_EQ(refused("no token", "198.51.100.7"), "access.locked");
  EXPECT_EQ(refused(text, "198.51.100.7"), "let in")
      << "who sits behind the same proxy is not locked out";
  EXPECT_EQ(refused(new_token().text.reveal()), "access.denied") << "another address is heard";
  clock_.advance(minutes(1));
  EXPECT_EQ(refused(new_token().text.reveal(), "198.51.100.7"), "access.denied");
}

TEST_F(StoreAccessTest, AtOnceIsToldOnlyWhatIsKnown) {
  const std::string text = make().text.reveal();
  EXPECT_FALSE(access_->enter_at_once(text, "192.0.2.1")) << "the store was not asked yet";
  ASSERT_EQ(refused(text), "let in");
  const int before = asked_;
  EXPECT_TRUE(access_->enter_at_once(text, "192.0.2.1")->ok());
  EXPECT_FALSE(access_->enter_at_once(new_token().text.reveal(), "192.0.2.1")->ok());
  clock_.advance(milliseconds(1500));
  EXPECT_TRUE(access_->enter_at_once(text, "192.0.2.1")->ok());
  EXPECT_FALSE(access_->enter_at_once(new_token().text.reveal(), "192.0.2.1"))
      << "it may have been made since";
  clock_.advance(seconds(1));
  EXPECT_FALSE(access_->enter_at_once(text, "192.0.2.1")) << "it may be revoked by now";
  EXPECT_EQ(asked_, before);
}

TEST_F(StoreAccessTest, StrangersCostTheStoreNothing) {
  const std::string text = make().text.reveal();
  ASSERT_EQ(refused(text), "let in");
  const int before = asked_;
  for (int i = 0; i < 10'000; ++i)
    refused(new_token().text.reveal(), std::to_string(i));
  EXPECT_EQ(refused(text), "let in");
  EXPECT_EQ(asked_, before);
}

TEST_F(StoreAccessTest, NobodyIsLetInByWhatIsTooOld) {
  const std::string text = make().text.reveal();
  ASSERT_EQ(refused(text), "let in");
  is_down_ = true;
  clock_.advance(milliseconds(900));
  EXPECT_EQ(refused(text), "let in");
  clock_.advance(milliseconds(1100));
  EXPECT_EQ(refused(text), "store.down");
  is_down_ = false;
  EXPECT_EQ(refused(text), "let in");
}

TEST_F(StoreAccessTest, TheStoreKnowsWhenATokenWasUsed) {
  const MadeToken made = make();
  EXPECT_FALSE(access_->tokens()->tokens[0].used_at);
  ASSERT_EQ(refused(made.text.reveal()), "let in");
  clock_.advance(seconds(2));
  ASSERT_EQ(refused(made.text.reveal()), "let in");
  const auto used = access_->tokens()->tokens[0].used_at;
  ASSERT_TRUE(used);
  for (int i = 0; i < 20; ++i) {
    clock_.advance(seconds(2));
    ASSERT_EQ(refused(made.text.reveal()), "let in");
  }
  EXPECT_EQ(access_->tokens()->tokens[0].used_at, used) << "told once a minute";
}

TEST_F(StoreAccessTest, WhatCannotBeATokenIsNotMade) {
  for (const NewToken& wrong :
       {NewToken{"", Role::viewer, {}, {}}, NewToken{"a b", Role::viewer, {}, {}},
        NewToken{"ci", Role::viewer, {"a b"}, {}}, NewToken{"ci", Role::viewer, {""}, {}},
        NewToken{"ci", Role::viewer, {}, milliseconds(0)}}) {
    EXPECT_EQ(access_->make(wrong, by()).error().code, "user.bad_token");
  }
  EXPECT_TRUE(access_->tokens()->tokens.empty());
}

TEST_F(StoreAccessTest, EverythingIsAccountedFor) {
  const MadeToken made = make();
  Deed deed{"req1", made.record.id, "ci", here, "run.start", "sales_de", 202};
  ASSERT_TRUE(access_->note(deed).ok());
  clock_.advance(seconds(1));
  ASSERT_TRUE(access_->revoke(made.record.id, by()).ok());
  const auto entries = access_->audit({}).value();
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].what, "token.revoke");
  EXPECT_EQ(entries[0].on, made.record.id);
  EXPECT_EQ(entries[0].name, "root");
  EXPECT_EQ(entries[1].what, "run.start");
  EXPECT_EQ(entries[1].request, "req1");
  EXPECT_EQ(entries[1].status, 202);
  EXPECT_EQ(entries[2].what, "token.create");
  EXPECT_EQ(entries[2].on, "ci " + made.record.id);
}

TEST_F(StoreAccessTest, WhatIsARefusalIsSaidAndNotReadFromTheStatus) {
  ASSERT_TRUE(access_->note({"r", "t1", "ci", here, "run.start", "orders", 429}).ok());
  ASSERT_EQ(access_->audit({.limit = 10})->size(), 1U) << "a deed is there at once";
  ASSERT_TRUE(access_->note({"r", "t1", "ci", here, "get_job", "secret", 404, true}).ok());
  EXPECT_EQ(access_->audit({.limit = 10})->size(), 1U) << "a refusal waits";
  ASSERT_TRUE(access_->write_refusals().ok());
  const auto entries = access_->audit({.limit = 10}).value();
  const AuditEntry* const refused = entry_on(entries, "get_job secret, 1 time");
  ASSERT_NE(refused, nullptr);
  EXPECT_EQ(refused->what, "access.refused");
  EXPECT_EQ(refused->status, 404);
}

TEST_F(StoreAccessTest, AFloodOfRefusalsIsOneEntryOfThoseThatAreAlike) {
  Deed denied{"r", "", "", here, "access.denied", "", 401, true};
  const int before = asked_;
  for (int i = 0; i < 5'000; ++i)
    ASSERT_TRUE(access_->note(denied).ok());
  Deed role{"r", "t1", "ci", here, "run.start", "orders", 403, true};
  ASSERT_TRUE(access_->note(role).ok());
  EXPECT_EQ(asked_, before) << "nobody waits for the store";
  ASSERT_TRUE(access_->write_refusals().ok());
  const auto entries = access_->audit({.limit = 10}).value();
  ASSERT_EQ(entries.size(), 2U);
  const AuditEntry* const many = entry_on(entries, "access.denied, 5000 times");
  const AuditEntry* const one = entry_on(entries, "run.start orders, 1 time");
  ASSERT_TRUE(many != nullptr && one != nullptr);
  EXPECT_EQ(many->what, "access.refused");
  EXPECT_EQ(many->peer, here);
  EXPECT_EQ(many->status, 401);
  EXPECT_EQ(one->name, "ci");
  EXPECT_EQ(one->token, "t1");
  ASSERT_TRUE(access_->write_refusals().ok());
  EXPECT_EQ(access_->audit({.limit = 10})->size(), 2U) << "each is told once";
}

TEST_F(StoreAccessTest, RefusalsOfManyAddressesAreCountedTogether) {
  for (int i = 0; i < 1'000; ++i) {
    const Deed denied{"", "", "", "2001:db8::" + std::to_string(i), "access.denied", "", 401, true};
    ASSERT_TRUE(access_->note(denied).ok());
  }
  access_ = open();  // the end of the one before writes what is left
  const auto entries = access_->audit({.limit = 1'000}).value();
  ASSERT_EQ(entries.size(), RefusalLog::groups_max + 1);
  EXPECT_NE(entry_on(entries, "others, 900 times"), nullptr);
}

TEST_F(StoreAccessTest, RefusalsThatCannotBeWrittenAreKept) {
  const Deed denied{"", "", "", here, "access.denied", "", 401, true};
  ASSERT_TRUE(access_->note(denied).ok());
  is_down_ = true;
  EXPECT_FALSE(access_->write_refusals().ok());
  ASSERT_TRUE(access_->note(denied).ok());
  is_down_ = false;
  ASSERT_TRUE(access_->write_refusals().ok());
  const auto entries = access_->audit({.limit = 10}).value();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].on, "access.denied, 2 times");
}

TEST_F(StoreAccessTest, ManyThreadsEnterAtATime) {
  const std::string text = make().text.reveal();
  std::atomic<int> in{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 200; ++j) {
        in += refused(text) == "let in" ? 1 : 0;
        clock_.advance(milliseconds(50));
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(in, 800);
}

TEST(Role, EachMayWhatThoseBeforeItMay) {
  for (const Role role : {Role::viewer, Role::operator_, Role::editor, Role::admin})
    EXPECT_EQ(role_of(to_string(role)), role);
  EXPECT_EQ(to_string(Role::operator_), "operator");
  EXPECT_FALSE(role_of("root"));
}

TEST(Principal, PatternsOfJobs) {
  const auto is_for = [](std::vector<std::string> jobs, const char* job) {
    return Principal{"", "", Role::viewer, std::move(jobs)}.is_for(job);
  };
  EXPECT_TRUE(is_for({}, "orders"));
  EXPECT_TRUE(is_for({"orders"}, "orders"));
  EXPECT_FALSE(is_for({"orders"}, "orders2"));
  EXPECT_FALSE(is_for({"orders"}, "order"));
  EXPECT_TRUE(is_for({"x", "*"}, "orders"));
  EXPECT_TRUE(is_for({"o*s"}, "orders"));
  EXPECT_TRUE(is_for({"*der*"}, "orders"));
  EXPECT_TRUE(is_for({"orders**"}, "orders"));
  EXPECT_FALSE(is_for({"o*x*s"}, "orders"));
  EXPECT_TRUE(is_for({"a*b*c"}, "abbbc_bc"));
  EXPECT_FALSE(is_for({std::string(40, '*') + "x"}, std::string(40, 'a').c_str()));
}

}  // namespace
}  // namespace tidemark
