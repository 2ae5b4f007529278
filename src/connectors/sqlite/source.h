// SqliteSource: a table or query of a SQLite file as a stream.
//
// SQLite has one writer at a time, so a window's upper end is the largest cursor value of one
// snapshot, and that value itself is never counted as read: append targets stop below it, keyed
// targets read it again. The guarantee is `bounded`: it holds while a program sets the cursor
// inside the transaction that writes the row and to no earlier value than rows already there.
#pragma once

#include <optional>
#include <string>

#include "connect/connector.h"
#include "drivers/sqlite/database.h"
#include "spec/connector_catalog.h"

namespace tidemark {

class SqliteSource : public Source {
 public:
  // With `counts` upper() counts the rows of the window, for a person who looks at a plan.
  static Result<std::unique_ptr<Source>> open(const std::string& path, const SourceSpec& spec,
                                              LoadStrategy strategy, bool counts);

  Result<Schema> discover(Cancel& cancel) override;
  Result<bool> may_hold(const std::vector<std::string>& columns, const Position& lo,
                        Cancel& cancel) override;
  Status leave_out(const std::vector<std::string>& columns) override;
  bool keep_to(const std::vector<RowRange>& ranges) override;
  Status only_keys(const std::vector<std::string>& columns,
                   const std::optional<Position>& since) override;
  Result<WindowBound> upper(const Progress& progress, Cancel& cancel) override;
  Result<std::vector<Split>> split(const Window& window, Cancel& cancel) override;
  Result<Extraction> open(const Split& split, Cancel& cancel) override;
  // The read is one snapshot; what changed after it is the next window's.
  Status verify(const Window&, Cancel&) override { return {}; }

 private:
  SqliteSource(sqlite::Database database, const SourceSpec& spec, LoadStrategy strategy,
               bool counts)
      : database_(std::move(database)), spec_(spec), strategy_(strategy), counts_(counts) {}
  Result<WindowBound> find_bound(const Progress& progress, Cancel& cancel);
  std::string relation() const;
  // The fault with the nearest name, where that is why a statement was refused.
  std::optional<Error> missing_table();
  Result<Type> declared_or_staged(const std::string& column, const std::string& declared) const;
  Status check_null_cursors();
  Status check_one_kind();
  Result<std::string> file_version();
  std::string where(const Window& window) const;

  sqlite::Database database_;
  SourceSpec spec_;
  LoadStrategy strategy_;
  bool counts_;
  std::optional<Schema> schema_;
  std::string select_list_ = "*";
  std::string kept_;  // the condition of keep_to
};

class SqliteConnector : public Connector {
 public:
  std::string_view name() const override { return "sqlite"; }
  bool is_source() const override { return true; }
  bool is_sink() const override { return false; }
  Result<std::vector<StreamSpec>> streams(const ConnectionSpec& connection,
                                          const SourceSpec& source, const ConnectorContext& context,
                                          Cancel& cancel) const override;
  Result<std::unique_ptr<Source>> open_source(const ConnectionSpec& connection,
                                              const StreamSpec& stream, LoadStrategy strategy,
                                              const ConnectorContext& context,
                                              Cancel& cancel) const override;
  // By the file: of which table it is cannot be told from outside.
  Result<std::string> change_sign(const ConnectionSpec& connection, const std::string& what,
                                  const std::string& before, const ConnectorContext& context,
                                  Cancel& cancel) const override;
  Result<ConnectionState> state(const ConnectionSpec& connection, const ConnectorContext& context,
                                Cancel& cancel) const override;
};

// What tidemark.yaml may say of a `sqlite:` connection.
ConnectorSpec sqlite_connector_spec();

}  // namespace tidemark
