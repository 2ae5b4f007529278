// The suite of sinks: what every target does alike, shown once for all of them.
//
// A connector's test writes a SinkWorld, a target of its own for each case, and instantiates the
// suites with its SinkKind; what the target does in its own way stays in tests of its own. The
// cases stand in sink_loads.cc (what a load leaves), sink_removals.cc (what it takes out),
// sink_ahead.cc (rows that come before their load) and sink_owners.cc (who may load, and what
// others see meanwhile). For tests only; one thread, except where a member says otherwise.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "connect/sink.h"
#include "drivers/duckdb/engine.h"

namespace tidemark::conformance {

// A process that may load: its connection to the engine, and its sink.
struct Owner {
  std::unique_ptr<duck::Connection> engine;
  std::unique_ptr<Sink> sink;
};

// The first value of a query in the target's own SQL, as text; an error as its description.
using Ask = std::function<std::string(const std::string& sql)>;

// An empty target, gone when destroyed.
class SinkWorld {
 public:
  virtual ~SinkWorld() = default;
  // Another owner at each call; destroyed before the world.
  virtual Owner owner() = 0;
  // Another client of the target at each call; one thread each, any thread.
  virtual Ask client() = 0;
  // How `client` has to write the name of a table that a job writes as `table`.
  virtual std::string sql_name(const std::string& table) = 0;
  // All rows, read back into the engine and printed by it: `1|NULL`, sorted.
  virtual std::vector<std::string> rows(const std::string& table) = 0;
};

struct SinkKind {
  std::function<std::unique_ptr<SinkWorld>()> make;
  // Quirks.
  std::size_t name_bytes_max = 0;  // of tables and columns it makes; 0: any
  std::string hostile_table;       // as a job writes it: in a schema, with what could end a name
  bool names_end_in_blanks = true;
  // Values, as the suite writes them, that the target cannot hold: each must be refused.
  std::vector<std::string> lacks = {};
  // Values that arrive as another type, or without what the target does not keep, by what they are
  // read back as.
  std::vector<std::pair<std::string, std::string>> arrives_as = {};
};

// What a case starts with: an empty target, one owner, one client.
class SinkCase : public ::testing::TestWithParam<SinkKind> {
 protected:
  SinkCase();
  ~SinkCase() override;

  // Rows in the engine of an owner, with the schema the engine gives the query.
  static StagedTable rows(Owner& owner, const std::string& select,
                          const std::string& name = "good");
  StagedTable rows(const std::string& select) { return rows(owner_, select); }

  static LoadTarget target(const StagedTable& good, LoadStrategy strategy,
                           std::vector<std::string> key = {}, const std::string& table = "orders");
  static LoadKey key(std::int64_t seq, std::int64_t fence = 1, LoadKind kind = LoadKind::window);
  // `id` empty: `load` and the seq.
  static LoadRow row(const LoadKey& key, RowCount rows, const std::string& id = {});

  // begin, write, commit.
  static Result<CommitOutcome> load(Owner& owner, const StagedTable& good, const LoadTarget& target,
                                    const LoadKey& key, const std::string& id = {});
  Result<CommitOutcome> load(const StagedTable& good, const LoadTarget& target, const LoadKey& key,
                             const std::string& id = {}) {
    return load(owner_, good, target, key, id);
  }
  std::string count(const std::string& table = "orders");

  static const StreamId stream;
  Cancel cancel_;
  std::unique_ptr<SinkWorld> world_;
  Owner owner_;
  Ask ask_;
};

::testing::AssertionResult is(const Result<CommitOutcome>& result, CommitOutcome outcome);
// The code of what failed, or `ok`.
template <typename T>
std::string code_of(const Result<T>& result) {
  return result.ok() ? "ok" : result.error().code;
}

class SinkLoads : public SinkCase {};
class SinkRemovals : public SinkCase {};
class SinkOwners : public SinkCase {};
class SinkAhead : public SinkCase {
 protected:
  // Targets that take no rows before their load are left out.
  void SetUp() override;
  std::unique_ptr<LoadAhead> ahead(const StagedTable& good, LoadStrategy strategy,
                                   const LoadKey& key);
  // The load of rows that were sent.
  Result<CommitOutcome> load_sent(LoadAhead& ahead, const StagedTable& good, LoadStrategy strategy,
                                  const LoadKey& key);
  bool is_there();  // the table
};

// Parameters for INSTANTIATE_TEST_SUITE_P. A program that names one of these has its cases linked
// in.
std::vector<SinkKind> sink_loads(SinkKind kind);
std::vector<SinkKind> sink_removals(SinkKind kind);
std::vector<SinkKind> sink_owners(SinkKind kind);
std::vector<SinkKind> sink_ahead(SinkKind kind);

}  // namespace tidemark::conformance
