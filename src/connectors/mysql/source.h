// MysqlSource: a table, view or query of MySQL or MariaDB as a stream.
//
// Bounds are read by statements of their own, rows afterwards by one SELECT under a consistent
// snapshot: a snapshot taken after the bound sees every row below it. One control connection,
// opened at the first call and again after a loss; each open() has a connection of its own. One
// thread, as Source says.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connect/guard.h"
#include "connect/sink.h"
#include "connect/source.h"
#include "connectors/mysql/catalog.h"
#include "connectors/mysql/row_decoder.h"
#include "connectors/mysql/watermark.h"
#include "drivers/mysql/connection.h"
#include "spec/job_spec.h"

namespace tidemark::mysql {

// How a source is reached, and what protects it. The guard outlives the source.
struct SourceAccess {
  ConnectOptions options;
  Guard* guard = nullptr;
  std::string job = {};  // for whom, as the guard knows it
};

class MysqlSource : public Source {
 public:
  // `options.side` is set to source. REQUIRES a table or a query as input.
  MysqlSource(SourceAccess access, const SourceSpec& spec, LoadStrategy strategy);
  MysqlSource(ConnectOptions options, const SourceSpec& spec, LoadStrategy strategy)
      : MysqlSource(SourceAccess{std::move(options)}, spec, strategy) {}

  void rest() override { control_.reset(); }
  Result<Schema> discover(Cancel& cancel) override;
  Result<bool> may_hold(const std::vector<std::string>& columns, const Position& lo,
                        Cancel& cancel) override;
  Status leave_out(const std::vector<std::string>& columns) override;
  std::string cursor_value(const Position& position) const override;
  std::optional<CursorShape> cursor_shape() const override;
  Position position_of(const std::string& value) const override;
  bool keep_to(const std::vector<RowRange>& ranges) override;
  Status only_keys(const std::vector<std::string>& columns,
                   const std::optional<Position>& since) override;
  Result<WindowBound> upper(const Progress& progress, Cancel& cancel) override;
  Result<std::vector<Split>> split(const Window& window, Cancel& cancel) override;
  Result<Extraction> open(const Split& split, Cancel& cancel) override;
  // The read is one snapshot; what changed after it is the next window's.
  Status verify(const Window&, Cancel&) override { return {}; }

 private:
  Result<Connection*> control(Cancel& cancel);
  Status describe(Cancel& cancel);
  // Whether a session may be asked for keys.
  Status check_has_all(Connection& connection, Cancel& cancel);
  Status check_scan(Connection& connection, Cancel& cancel);
  // For FROM: the table, or the query in parentheses.
  std::string relation() const;
  // What keeps the columns as they are while they are read; empty for a query.
  std::string lock() const;
  // All rows: the query as it is written, so that its order is kept.
  std::string whole(const std::string& columns) const;
  bool windowed() const { return cursor_.has_value() && strategy_ != LoadStrategy::full; }

  SourceAccess access_;
  SourceSpec spec_;
  LoadStrategy strategy_;
  std::unique_ptr<Connection> control_;

  // What describe() found; empty before.
  std::optional<Relation> relation_;
  std::optional<Cursor> cursor_;
  Schema schema_;
  std::vector<DecodedColumn> columns_;
  std::vector<std::string> asked_;  // what the SELECT asks of each column
  std::string select_list_;
  std::string kept_;  // the condition of keep_to
  bool only_keys_ = false;
  std::optional<Position> keys_since_;
  bool plain_ = true;  // every column is asked for as it is
};

}  // namespace tidemark::mysql
