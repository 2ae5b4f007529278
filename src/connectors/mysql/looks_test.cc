#include "connectors/mysql/looks.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "connectors/mysql/source_fixture_test.h"

namespace tidemark::mysql {
namespace {

using LooksTest = SourceTest;

// Alone each of them would keep the server's list old for the others.
TEST_F(LooksTest, WhoeverLooksAtTheSameTimeSeesWhatIsInFlightSinceHeAsked) {
  sql("create table t (id int primary key)");
  auto writer = Connection::connect(options(), cancel_);
  ASSERT_TRUE(writer.ok()) << writer.error().describe();
  ASSERT_TRUE((*writer)->begin("", cancel_).ok());
  ASSERT_TRUE((*writer)->execute("insert into t values (1)", cancel_).ok());
  const std::uint64_t writing = (*writer)->session_id();
  Looks looks;
  std::vector<std::thread> threads;
  for (int reader = 0; reader < 6; ++reader) {
    threads.emplace_back([&] {
      Cancel cancel;
      auto session = Connection::connect(options(), cancel);
      ASSERT_TRUE(session.ok()) << session.error().describe();
      const auto server = server_identity(**session, cancel);
      ASSERT_TRUE(server.ok()) << server.error().describe();
      for (int time = 0; time < 4; ++time) {
        const auto asked = (*session)->query("select cast(now(6) as char)", cancel);
        ASSERT_TRUE(asked.ok()) << asked.error().describe();
        const auto seen = looks.look(**session, *server, cancel);
        ASSERT_TRUE(seen.ok()) << seen.error().describe();
        ASSERT_TRUE(*seen) << "the list did not become fresh";
        EXPECT_GE((*seen)->moment, asked->string(0, 0));
        EXPECT_TRUE(
            std::any_of((*seen)->transactions.begin(), (*seen)->transactions.end(),
                        [&](const Seen::Transaction& one) { return one.session == writing; }));
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
}

}  // namespace
}  // namespace tidemark::mysql
