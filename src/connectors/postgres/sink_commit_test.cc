// The answer to COMMIT is lost, in every way a network can lose it: what the sink says of the load
// afterwards is what the target has.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "connectors/postgres/sink_fixture_test.h"

namespace tidemark::postgres {
namespace {

// tests/support/fault_proxy.py as a program: whoever connects by it loses each COMMIT, in turns
// before it arrives, in its middle, after it, and in its answer. Ends with this object.
class FaultProxy {
 public:
  FaultProxy(const std::string& server_port, const std::string& ways) {
    const std::string file = std::filesystem::temp_directory_path() /
                             ("tidemark-proxy-" + std::to_string(::getpid()) + "-" + server_port);
    std::filesystem::remove(file);
    const std::string command =
        "exec python3 tests/support/fault_proxy.py " + server_port + " " + file + " " + ways;
    program_ = ::popen(command.c_str(), "w");
    for (int tries = 0; tries < 1000 && port_.empty(); ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      std::ifstream(file) >> port_;
    }
    std::filesystem::remove(file);
  }
  ~FaultProxy() {
    if (program_ != nullptr) ::pclose(program_);
  }
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;
  const std::string& port() const { return port_; }

 private:
  std::FILE* program_ = nullptr;
  std::string port_;
};

class LostAnswerTest : public PostgresSinkTest {
 protected:
  // A sink whose connections go by the proxy. The ledger is made before, by one that does not.
  std::unique_ptr<PostgresSink> by(const FaultProxy& proxy) {
    EXPECT_TRUE(is(load(good_, append_, key(1)), CommitOutcome::committed));
    ConnectOptions options = options_;
    options.conninfo = "host=127.0.0.1 port=" + proxy.port() +
                       " dbname=" + ask("select current_database()") + " user=postgres";
    options.password = Secret(tidemark::testing::PostgresServer::password());
    options.commit_timeout_s = 2;
    return std::make_unique<PostgresSink>(*db_, options);
  }

  std::string port() { return ask("show port"); }

  StagedTable good_ = {};
  LoadTarget append_ = {};

  void SetUp() override {
    PostgresSinkTest::SetUp();
    good_ = rows("SELECT 1 AS id");
    append_ = target(good_, LoadStrategy::append);
  }
};

TEST_F(LostAnswerTest, AThousandOfThemAreResolvedToTheTruth) {
  const FaultProxy proxy(port(), "cut");
  ASSERT_FALSE(proxy.port().empty());
  const auto sink = by(proxy);
  int in = 0;
  int out = 0;
  std::int64_t seq = 1;
  for (int cut = 0; cut < 1000; ++cut) {
    const LoadKey wanted = key(seq + 1);
    const LoadRow told = row(wanted, 1, "lost" + std::to_string(cut));
    auto txn = sink->begin(wanted, cancel_);
    ASSERT_TRUE(txn.ok()) << cut << ": " << txn.error().describe();
    ASSERT_TRUE((*txn)->write(good_, append_, cancel_).ok());
    ASSERT_TRUE(is((*txn)->commit(told), CommitOutcome::unknown)) << cut;
    const auto there = (*txn)->resolve(told, cancel_);
    ASSERT_TRUE(there.ok()) << cut << ": " << there.error().describe();
    txn->reset();
    // Nothing of it may come in any more, so what is there now is the truth.
    const std::string truth = ask("select count(*) from tidemark_loads where load_id = 'lost" +
                                  std::to_string(cut) + "'");
    ASSERT_EQ(*there ? "1" : "0", truth) << cut;
    ++(*there ? in : out);
    if (*there) ++seq;
  }
  RecordProperty("in", in);
  std::printf("1000 answers to COMMIT lost: %d loads were in, %d were not\n", in, out);
  EXPECT_GT(in, 300);
  EXPECT_GT(out, 300);
  EXPECT_EQ(ask("select count(*) from orders"), std::to_string(in + 1));
  EXPECT_EQ(ask("select seq from tidemark_ledger"), std::to_string(seq));
}

TEST_F(LostAnswerTest, AnAnswerThatDoesNotComeIsWaitedForNoLongerThanTheTimeout) {
  const FaultProxy proxy(port(), "swallow");
  ASSERT_FALSE(proxy.port().empty());
  const auto sink = by(proxy);
  std::int64_t seq = 1;
  // In turns: the COMMIT gets lost, its answer does.
  for (const bool arrives : {false, true, false, true}) {
    auto txn = sink->begin(key(seq + 1), cancel_);
    ASSERT_TRUE(txn.ok() && (*txn)->write(good_, append_, cancel_).ok());
    const auto started = std::chrono::steady_clock::now();
    ASSERT_TRUE(is((*txn)->commit(row(key(seq + 1), 1)), CommitOutcome::unknown));
    EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(10));
    // The session still stands where the proxy keeps it open, and is ended.
    const auto there = (*txn)->resolve(row(key(seq + 1), 1), cancel_);
    ASSERT_TRUE(there.ok()) << there.error().describe();
    EXPECT_EQ(*there, arrives);
    if (*there) ++seq;
  }
  EXPECT_EQ(ask("select count(*) from orders"), "3");
}

}  // namespace
}  // namespace tidemark::postgres
