#include "connect/conformance/sink_case.h"

#include <utility>

namespace tidemark::conformance {

const StreamId SinkCase::stream{JobName("orders"), StreamName("orders")};

SinkCase::SinkCase() : world_(GetParam().make()), owner_(world_->owner()), ask_(world_->client()) {}

SinkCase::~SinkCase() {
  ask_ = nullptr;
  owner_.sink.reset();
  owner_.engine.reset();
}

StagedTable SinkCase::rows(Owner& owner, const std::string& select, const std::string& name) {
  const Status made =
      owner.engine->execute("CREATE OR REPLACE TEMP TABLE " + name + " AS " + select);
  EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().describe());
  auto schema = owner.engine->describe("FROM " + name);
  const auto count = owner.engine->count("SELECT count(*) FROM " + name);
  if (!schema.ok() || !count.ok()) return {name, {}, RowCount(0)};
  return {name, *std::move(schema), RowCount(*count)};
}

LoadTarget SinkCase::target(const StagedTable& good, LoadStrategy strategy,
                            std::vector<std::string> key, const std::string& table) {
  LoadTarget target;
  target.table = table;
  target.strategy = strategy;
  target.key = std::move(key);
  target.schema = good.schema;
  return target;
}

LoadKey SinkCase::key(std::int64_t seq, std::int64_t fence, LoadKind kind) {
  return {stream, Seq(seq), Fence(fence), RunId("r" + std::to_string(seq)), kind, ""};
}

LoadRow SinkCase::row(const LoadKey& key, RowCount rows, const std::string& id) {
  const std::string seq = std::to_string(key.seq.get());
  LoadRow row;
  row.load_id = id.empty() ? "load" + seq : id;
  row.kind = key.kind;
  row.seq = key.seq;
  row.run_id = key.run_id;
  row.window.hi = Position{seq};
  row.rows = rows;
  row.checksum = "sum" + seq;
  return row;
}

Result<CommitOutcome> SinkCase::load(Owner& owner, const StagedTable& good,
                                     const LoadTarget& target, const LoadKey& key,
                                     const std::string& id) {
  Cancel cancel;
  TM_TRY(auto txn, owner.sink->begin(key, cancel));
  TM_TRY(const RowCount loaded, txn->write(good, target, cancel));
  EXPECT_EQ(loaded.get(), good.rows.get());
  return txn->commit(row(key, loaded, id));
}

std::string SinkCase::count(const std::string& table) {
  return ask_("select count(*) from " + world_->sql_name(table));
}

testing::AssertionResult is(const Result<CommitOutcome>& result, CommitOutcome outcome) {
  if (!result.ok()) return testing::AssertionFailure() << result.error().describe();
  if (*result == outcome) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "outcome " << static_cast<int>(*result);
}

}  // namespace tidemark::conformance
