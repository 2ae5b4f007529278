// PostgresSource: a table, view or query of PostgreSQL as a stream.
//
// Bounds are read by statements of their own, rows afterwards by COPY under one REPEATABLE READ
// snapshot: a snapshot taken after the bound sees every row below it. One control connection,
// opened at the first call and again after a loss; each open() has a connection of its own. One
// thread, as Source says.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connect/sink.h"
#include "connect/source.h"
#include "connectors/postgres/catalog.h"
#include "connectors/postgres/copy_decoder.h"
#include "connectors/postgres/watermark.h"
#include "drivers/postgres/connection.h"
#include "spec/job_spec.h"

namespace tidemark::postgres {

class PostgresSource : public Source {
 public:
  // `options.side` is set to source. REQUIRES a table or a query as input.
  PostgresSource(ConnectOptions options, const SourceSpec& spec, LoadStrategy strategy);

  // Connects on a thread of its own, so that a plan need not wait for it; what goes wrong is told
  // by the first call that needs the connection. `cancel` outlives the source.
  void start_connecting(Cancel& cancel);
  void rest() override { control_.reset(); }

  Result<Schema> discover(Cancel& cancel) override;
  Result<WindowBound> upper(const Progress& progress, Cancel& cancel) override;
  Result<std::vector<Split>> split(const Window& window, Cancel& cancel) override;
  Result<Extraction> open(const Split& split, Cancel& cancel) override;
  // The read is one snapshot; what changed after it is the next window's.
  Status verify(const Window&, Cancel&) override { return {}; }

 private:
  Result<Connection*> control(Cancel& cancel);
  Status describe(Cancel& cancel);
  Status check_declared() const;
  Status check_null_cursors(Connection& connection, WindowBound& bound, Cancel& cancel);
  // For FROM: the table, or the query in parentheses.
  std::string relation() const;
  bool windowed() const { return cursor_.has_value() && strategy_ != LoadStrategy::full; }

  ConnectOptions options_;
  SourceSpec spec_;
  LoadStrategy strategy_;
  std::future<Result<std::unique_ptr<Connection>>> connecting_;
  std::unique_ptr<Connection> control_;

  // What describe() found; empty before.
  std::optional<Relation> relation_;
  std::optional<Cursor> cursor_;
  Schema schema_;
  std::vector<DecodedColumn> columns_;
  std::vector<std::uint32_t> types_;  // of the columns of the SELECT
  std::string select_list_;
};

}  // namespace tidemark::postgres
