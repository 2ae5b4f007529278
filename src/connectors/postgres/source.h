// PostgresSource: a table, view or query of PostgreSQL as a stream.
//
// Bounds are read by statements of their own, rows afterwards by COPY under one REPEATABLE READ
// snapshot: a snapshot taken after the bound sees every row below it. A large table that is read
// from its beginning is read in ranges of its pages, by several sessions at a time that share the
// snapshot. One control connection, opened at the first call and again after a loss; the first
// reader takes it, or one to the replica where there is one. What was read in goes back to the
// guard, which may keep it for the next run. One thread, as Source says.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connect/guard.h"
#include "connect/sink.h"
#include "connect/source.h"
#include "connectors/postgres/catalog.h"
#include "connectors/postgres/copy_reader.h"
#include "connectors/postgres/read_columns.h"
#include "connectors/postgres/read_plan.h"
#include "connectors/postgres/read_sessions.h"
#include "connectors/postgres/source_sessions.h"
#include "connectors/postgres/watermark.h"
#include "drivers/postgres/connection.h"
#include "spec/job_spec.h"

namespace tidemark::postgres {

// How a source is reached, and what protects it. The guard outlives the source.
struct SourceAccess {
  ConnectOptions options;
  Guard* guard = nullptr;
  std::string job = {};  // for whom, as the guard knows it
  // Where rows are read instead, once it has come to where the primary was.
  std::optional<ConnectOptions> replica = {};
  SplitSizes sizes = {};
};

class PostgresSource : public Source {
 public:
  // `options.side` is set to source. REQUIRES a table or a query as input.
  PostgresSource(SourceAccess access, const SourceSpec& spec, LoadStrategy strategy);
  PostgresSource(ConnectOptions options, const SourceSpec& spec, LoadStrategy strategy)
      : PostgresSource(SourceAccess{std::move(options)}, spec, strategy) {}

  // Connects on a thread of its own, so that a plan need not wait for it; what goes wrong is told
  // by the first call that needs the connection. `cancel` outlives the source.
  void start_connecting(Cancel& cancel);
  ~PostgresSource() override;
  void rest() override;

  void pin(const Schema& schema) override { before_ = schema; }
  Result<Schema> discover(Cancel& cancel) override;
  Result<bool> may_hold(const std::vector<std::string>& columns, const Position& lo,
                        Cancel& cancel) override;
  Status leave_out(const std::vector<std::string>& columns) override;
  std::string cursor_value(const Position& position) const override;
  std::optional<CursorShape> cursor_shape() const override;
  Result<std::optional<std::int64_t>> rows_estimated(const Window& window, Cancel& cancel) override;
  bool keep_to(const std::vector<RowRange>& ranges) override;
  Status only_keys(const std::vector<std::string>& columns,
                   const std::optional<Position>& since) override;
  Result<WindowBound> upper(const Progress& progress, Cancel& cancel) override;
  Result<std::vector<Split>> split(const Window& window, Cancel& cancel) override;
  Result<Extraction> open(const Split& split, Cancel& cancel) override;
  int readers_max() const override { return spec_.readers; }
  Result<std::optional<Extraction>> open_beside(const Split& split,
                                                const std::optional<Position>& place,
                                                Cancel& cancel) override;
  bool can_go_on() const override { return plan_.can_go_on(); }
  std::string places_depend_on() const override { return plan_.places_depend_on(); }
  Result<Extraction> open_at(const Split& split, const Position& place, Cancel& cancel) override;
  // The read is one snapshot; what changed after it is the next window's.
  Status verify(const Window&, Cancel&) override;

 private:
  SessionAccess session_access() const { return {access_.options, access_.guard, access_.job}; }
  Result<Connection*> control(Cancel& cancel);
  Status describe(Cancel& cancel);
  // Whether a session that reads keys sees all rows that windows have read.
  static Status check_not_rewritten(Connection& session, Cancel& cancel);
  Status check_sees_all(Connection& session, Cancel& cancel);
  Status check_scan(Connection& connection, Cancel& cancel);
  ReadGuard read_guard() const;
  // The session that the rows are read in.
  Result<std::unique_ptr<Connection>> session_to_read(Cancel& cancel);
  bool has_columns_of_before() const;
  Status look_for_rows(WindowBound& bound, Cancel& cancel);
  Status plan_read(const Window& window, Cancel& cancel);
  Result<Extraction> open_from(const Split& split, const std::optional<Position>& place,
                               Cancel& cancel);
  Result<Extraction> start(std::unique_ptr<Connection> session, const Split& split,
                           const std::optional<Position>& place, CopyReader::Keep keep,
                           Cancel& cancel);
  Result<std::unique_ptr<Connection>> session_beside(Cancel& cancel);
  // For FROM: the table, or the query in parentheses.
  std::string relation() const;
  bool windowed() const { return cursor_.has_value() && strategy_ != LoadStrategy::full; }

  SourceAccess access_;
  SourceSpec spec_;
  LoadStrategy strategy_;
  std::future<Result<std::unique_ptr<Connection>>> connecting_;
  std::unique_ptr<Connection> control_;

  // What describe() found; empty before.
  std::optional<Relation> relation_;
  std::optional<Cursor> cursor_;
  Schema schema_;
  std::optional<Schema> before_;        // the columns that the last window brought
  std::vector<DecodedColumn> columns_;  // of the SELECT, as all that follow
  PlannedColumns planned_;
  std::string lock_;                // keeps the table from being altered; empty: a view or a query
  std::vector<std::string> asked_;  // what the SELECT asks of each column
  std::string select_list_;

  ReadPlan plan_;                         // of the window that was asked for last
  std::optional<Window> planned_window_;  // which that is
  std::string kept_;                      // the condition of keep_to
  bool only_keys_ = false;
  std::optional<Position> keys_since_;
  bool keys_begun_ = false;  // the snapshot that they are read in is taken
  bool on_replica_ = false;
  std::shared_ptr<ReadSessions> sessions_ = std::make_shared<ReadSessions>("", false);
};

}  // namespace tidemark::postgres
