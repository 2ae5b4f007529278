// PostgresAhead: the COPY of a load into PostgreSQL, open while the source is read.
//
// It stands in the load's own transaction, into the table that this makes or the temporary shadow
// of one that is there, so nobody sees the rows before the COMMIT and nothing is left without it.
// Several threads encode rows; one at a time puts them into the COPY. A read that fails and is
// tried again has put some of its rows twice, so it is over with it then.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "connect/load_ahead.h"
#include "connect/sink.h"
#include "connectors/postgres/copy_encoder.h"

namespace tidemark::postgres {

class PostgresLoad;
class PostgresSink;

class PostgresAhead : public LoadAhead {
 public:
  PostgresAhead(const PostgresSink& sink, LoadKey key, LoadTarget target, StepsAhead steps);
  ~PostgresAhead() override;

  Result<bool> send(duck::Connection& engine, RowsAhead rows, Cancel& cancel) override;
  std::optional<Error> failure() const override { return failure_; }
  std::optional<std::int64_t> rows() const override;
  Result<std::unique_ptr<LoadTxn>> begin(Cancel& cancel) override;

 private:
  Status open(Cancel& cancel);
  bool is_open(Cancel& cancel);
  Status put(ByteBuffer& bytes, Cancel& cancel);
  // No more rows are taken, and what the load's session holds is given back. Under mutex_.
  void end(std::optional<Error> failure);

  const PostgresSink& sink_;
  const LoadKey key_;
  const LoadTarget target_;
  const StepsAhead steps_;

  std::mutex mutex_;
  // Guarded by mutex_ while rows are sent.
  std::unique_ptr<PostgresLoad> load_;
  std::vector<CopyColumn> columns_;
  std::int64_t rows_ = 0;
  bool over_ = false;             // no more rows are taken
  std::optional<Error> failure_;  // why, where somebody should know
};

}  // namespace tidemark::postgres
