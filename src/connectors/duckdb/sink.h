// DuckdbSink: loads into a warehouse file that is attached to the run's engine.
//
// Rows never leave the engine: a load is SQL from the run's tables into the attached catalog, in
// one engine transaction with ledger and quarantine. Owned by one run, used from its thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connect/sink.h"
#include "connectors/duckdb/warehouse.h"
#include "drivers/duckdb/engine.h"

namespace tidemark {

class DuckdbAhead;

class DuckdbSink : public Sink {
 public:
  // `catalog` is the name under which `file` is attached; `engine` outlives the sink.
  DuckdbSink(std::string catalog, std::filesystem::path file, duck::Connection& engine)
      : catalog_(std::move(catalog)), file_(std::move(file)), engine_(engine) {}

  SinkTraits traits() const override { return {true, true, true}; }
  Result<std::optional<LedgerRow>> committed(const StreamId& stream, Cancel& cancel) override;
  Result<std::vector<LedgerRow>> take_over(const JobName& job, Fence token,
                                           Cancel& cancel) override;
  Result<std::vector<Position>> history(const StreamId& stream, Cancel& cancel) override;
  Result<std::optional<std::string>> carried(const StreamId& stream, Cancel& cancel) override;
  Result<std::vector<SweepRow>> sweeps(const std::string& table, Cancel& cancel) override;
  Result<bool> loaded(const StreamId& stream, const RunId& run, Cancel& cancel) override;
  Result<std::string> window_checksum(const StreamId& stream, Seq seq, Cancel& cancel) override;
  Result<std::vector<Seq>> refused_windows(const StreamId& stream, Cancel& cancel) override;
  Result<StagedTable> open_refused(const JobName& job, const std::optional<StreamName>& only,
                                   Cancel& cancel) override;
  Result<std::optional<Schema>> describe(const std::string& table, Cancel& cancel) override;
  Result<TargetRows> rows(const std::string& table, Cancel& cancel) override;
  Result<LoadPlan> plan(const LoadTarget& target, Cancel& cancel) override;
  Result<std::unique_ptr<LoadTxn>> begin(const LoadKey& key, Cancel& cancel) override {
    return begin_load(key, nullptr, cancel);
  }
  std::unique_ptr<LoadAhead> load_ahead(const LoadKey& key, const LoadTarget& target,
                                        StepsAhead steps) override;
  // With the rows that `ahead` has; null: none.
  Result<std::unique_ptr<LoadTxn>> begin_load(const LoadKey& key, const DuckdbAhead* ahead,
                                              Cancel& cancel);

 private:
  std::string catalog_;
  std::filesystem::path file_;
  duck::Connection& engine_;
  bool has_ledger_ = false;  // seen to be there
  // What describe() saw of a table last, for the plan that is made behind it.
  std::optional<std::pair<std::string, std::optional<Schema>>> described_;
};

}  // namespace tidemark
