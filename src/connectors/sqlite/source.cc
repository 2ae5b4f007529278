#include "connectors/sqlite/source.h"

#include <sys/stat.h>
#include <algorithm>

#include <filesystem>
#include <utility>

#include "base/assert.h"
#include "base/nearest.h"
#include "base/units.h"
#include "connect/table_source.h"
#include "connectors/sqlite/change_sign.h"
#include "connectors/sqlite/config.h"
#include "connectors/sqlite/position.h"
#include "connectors/sqlite/types.h"

namespace tidemark {

namespace {

// Decodes rows of one SELECT; keeps its own snapshot open until the end.
class SqliteReader : public Reader {
 public:
  SqliteReader(sqlite::Statement statement, Schema schema)
      : statement_(std::move(statement)), schema_(std::move(schema)) {}

  Result<std::size_t> next(BatchWriter& writer, Cancel& cancel) override {
    TM_CHECK(cancel.check());
    std::size_t rows = 0;
    while (!ended_ && rows < writer.capacity()) {
      TM_TRY(bool is_row, statement_.step());
      // From the first step on the read has its snapshot, and the columns that go with it.
      if (number_ == 0) TM_CHECK(check_columns());
      if (!is_row) {
        ended_ = true;
        break;
      }
      ++number_;
      if (decode(writer, rows)) ++rows;
    }
    return rows;
  }

 private:
  Status check_columns() const {
    bool same = statement_.column_count() == static_cast<int>(schema_.columns.size());
    for (std::size_t at = 0; same && at < schema_.columns.size(); ++at) {
      const int index = static_cast<int>(at);
      same = statement_.column_name(index) == schema_.columns[at].name &&
             statement_.declared_type(index) == schema_.columns[at].source_type;
    }
    return same ? Status() : column_changed("the columns of the SQLite source have changed");
  }

  bool decode(BatchWriter& writer, std::size_t row) {
    for (std::size_t at = 0; at < schema_.columns.size(); ++at) {
      const int index = static_cast<int>(at);
      auto problem =
          write_value(statement_, index, schema_.columns[at].type, writer.column(at), row);
      if (!problem) continue;
      const std::string raw = raw_row();
      writer.reject({raw, schema_.columns[at].name, *problem, "row " + std::to_string(number_)});
      return false;
    }
    return true;
  }

  // The row as SQL literals, which say the stored value and its class exactly.
  std::string raw_row() const {
    std::string raw = "(";
    for (int at = 0; at < statement_.column_count(); ++at) {
      const std::string literal = literal_of(statement_, at);
      raw += (at == 0 ? "" : ", ") + (literal.empty() ? std::string("NULL") : literal);
    }
    return raw + ")";
  }

  sqlite::Statement statement_;
  Schema schema_;
  std::int64_t number_ = 0;
  bool ended_ = false;
};

Result<sqlite::Database> open_to_read(const std::string& path) {
  sqlite::OpenOptions options;
  options.path = path;
  options.access = sqlite::Access::source;
  options.area = "source";
  options.fault = Fault::source;
  return sqlite::Database::open(options);
}

}  // namespace

Result<std::unique_ptr<Source>> SqliteSource::open(const std::string& path, const SourceSpec& spec,
                                                   LoadStrategy strategy, bool counts) {
  TM_TRY(sqlite::Database database, open_to_read(path));
  return std::unique_ptr<Source>(new SqliteSource(std::move(database), spec, strategy, counts));
}

std::string SqliteSource::relation() const {
  if (const auto* table = std::get_if<TableInput>(&spec_.input)) {
    return sqlite::quote_identifier(table->table.value);
  }
  return "(" + without_semicolon(std::get<QueryInput>(spec_.input).query.text) + "\n)";
}

Result<Type> SqliteSource::declared_or_staged(const std::string& column,
                                              const std::string& declared) const {
  for (const DeclaredColumn& wanted : spec_.columns) {
    if (wanted.name.value != column) continue;
    TM_TRY(Type type, parse_type(wanted.type.value));
    if (can_read_sqlite_as(type)) return type;
    return user_error(
        "plan.column_type",
        "column `" + column + "` of a SQLite source cannot be read as " + wanted.type.value,
        "read it as bigint, double, varchar, blob or boolean, and change it with a `cast` step");
  }
  return staged_type(declared);
}

std::optional<Error> SqliteSource::missing_table() {
  const auto* table = std::get_if<TableInput>(&spec_.input);
  if (table == nullptr) return std::nullopt;
  auto listed = database_.prepare("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')");
  if (!listed.ok()) return std::nullopt;
  std::vector<std::string> names;
  for (auto row = listed->step(); row.ok() && *row; row = listed->step())
    names.emplace_back(listed->text_at(0));
  if (std::find(names.begin(), names.end(), table->table.value) != names.end()) return std::nullopt;
  std::string hint = names.empty() ? "the file holds no table" : "name a table or view of the file";
  if (auto near = nearest_word(table->table.value, names)) hint = "did you mean `" + *near + "`?";
  return user_error("source.table_missing",
                    "there is no table `" + table->table.value + "` in " + database_.path(), hint);
}

Result<Schema> SqliteSource::discover(Cancel& cancel) {
  TM_CHECK(cancel.check());
  if (schema_) return *schema_;
  auto statement = database_.prepare("SELECT * FROM " + relation());
  if (!statement.ok()) {
    if (auto missing = missing_table()) return *std::move(missing);
    return std::move(statement).error().with_context("reading the columns of the source");
  }
  Schema schema;
  for (int at = 0; at < statement->column_count(); ++at) {
    const std::string name = statement->column_name(at);
    TM_TRY(Type type, declared_or_staged(name, statement->declared_type(at)));
    schema.columns.push_back({name, type, true, statement->declared_type(at)});
  }
  TM_CHECK(check_declared(spec_, schema));
  if (const auto* table = std::get_if<TableInput>(&spec_.input)) {
    TM_TRY(sqlite::Statement keys,
           database_.prepare("SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk"));
    keys.bind_text(0, std::string_view(table->table.value));
    while (true) {
      TM_TRY(bool is_row, keys.step());
      if (!is_row) break;
      schema.key.emplace_back(keys.text_at(0));
    }
  }
  schema_ = schema;
  return schema;
}

Result<bool> SqliteSource::may_hold(const std::vector<std::string>& columns, const Position& lo,
                                    Cancel& cancel) {
  TM_CHECK(cancel.check());
  if (!spec_.watermark) return true;
  TM_TRY(sqlite::Statement found,
         database_.prepare(holds_value_sql(relation(), columns, sqlite::quote_identifier,
                                           where(Window{std::nullopt, lo, lo}))));
  TM_CHECK(found.step());
  return found.int64_at(0) != 0;
}

Status SqliteSource::leave_out(const std::vector<std::string>& columns) {
  select_list_.clear();
  std::erase_if(schema_->columns, [&](const Column& column) {
    return std::find(columns.begin(), columns.end(), column.name) != columns.end();
  });
  for (const Column& column : schema_->columns)
    select_list_ += (select_list_.empty() ? "" : ", ") + sqlite::quote_identifier(column.name);
  return {};
}

bool SqliteSource::keep_to(const std::vector<RowRange>& ranges) {
  kept_ = ranges_condition(ranges, sqlite::quote_identifier);
  return true;
}

// One file has one state, so it has what it had.
Status SqliteSource::only_keys(const std::vector<std::string>& columns,
                               const std::optional<Position>&) {
  return leave_out(all_but(*schema_, columns));
}

// The change counter of the file header, which every commit in rollback mode moves, and the state
// of the WAL.
Result<std::string> SqliteSource::file_version() {
  std::string version;
  for (const char* suffix : {"", "-wal"}) {
    struct stat seen{};
    if (::stat((database_.path() + suffix).c_str(), &seen) == 0) {
      version += std::to_string(seen.st_ino) + "/" + std::to_string(seen.st_size) + "/" +
                 std::to_string(seen.st_mtim.tv_sec) + "." + std::to_string(seen.st_mtim.tv_nsec);
    }
    version += ";";
  }
  return version;
}

Status SqliteSource::check_null_cursors() {
  if (spec_.null_cursor != NullCursor::fail) return {};
  const std::string cursor = sqlite::quote_identifier(spec_.watermark->value);
  TM_TRY(sqlite::Statement count,
         database_.prepare("SELECT count(*) FROM " + relation() + " WHERE " + cursor + " IS NULL"));
  TM_CHECK(count.step());
  if (count.int64_at(0) == 0) return {};
  return source_error(
      "source.null_cursor",
      show_count(count.int64_at(0)) + " rows have no value in `" + spec_.watermark->value +
          "`, so they belong to no window",
      Retry::never, "set `null_cursor: every_run` or `once` in the job's `from`, or mend the rows");
}

// SQLite orders every number below every text and every text below every blob. One text among
// numbers would become the watermark, and all numbers that follow would stay below it unread.
Status SqliteSource::check_one_kind() {
  const std::string cursor = sqlite::quote_identifier(spec_.watermark->value);
  const auto kind_of = [&](const std::string& end) {
    return "SELECT CASE typeof(" + end + ") WHEN 'integer' THEN 'number' WHEN 'real' THEN " +
           "'number' ELSE typeof(" + end + ") END FROM (SELECT " + end + "(" + cursor + ") AS " +
           end + " FROM " + relation() + ")";
  };
  // Two queries of one end each, so that an index answers both.
  TM_TRY(sqlite::Statement kinds,
         database_.prepare("SELECT (" + kind_of("min") + "), (" + kind_of("max") + ")"));
  TM_CHECK(kinds.step());
  const std::string lowest(kinds.text_at(0));
  const std::string highest(kinds.text_at(1));
  if (lowest == highest) return {};
  return source_error(
      "source.mixed_cursor",
      "`" + spec_.watermark->value + "` holds a " + lowest + " in one row and a " + highest +
          " in another; to SQLite every " + highest + " is larger than every " + lowest +
          ", so it can be no watermark",
      Retry::never,
      "find the rows with typeof(" + cursor + ") and mend them, or leave them out by a `query`");
}

Result<WindowBound> SqliteSource::upper(const Progress& progress, Cancel& cancel) {
  TM_TRY(WindowBound bound, find_bound(progress, cancel));
  if (!counts_ || bound.nothing_new) return bound;
  TM_TRY(std::vector<Split> splits, split(bound.window, cancel));
  TM_TRY(sqlite::Statement count,
         database_.prepare("SELECT count(*) FROM (" + splits.front().text + "\n)"));
  TM_CHECK(count.step());
  bound.rows_expected = count.int64_at(0);
  return bound;
}

Result<WindowBound> SqliteSource::find_bound(const Progress& progress, Cancel& cancel) {
  TM_CHECK(cancel.check());
  WindowBound bound;
  if (!spec_.watermark) {
    bound.guarantee = Guarantee::exact;
    bound.reason = "the whole table is read in one snapshot";
    return bound;
  }
  TM_TRY(Schema schema, discover(cancel));
  if (!schema.find(spec_.watermark->value)) {
    std::string hint;
    if (auto near = nearest_word(spec_.watermark->value, schema.names()))
      hint = "did you mean `" + *near + "`?";
    return user_error(
        "plan.no_column",
        "the source has no column `" + spec_.watermark->value + "` to be the watermark", hint);
  }
  bound.guarantee = Guarantee::bounded;
  bound.reason = "SQLite has one writer at a time; sound while `" + spec_.watermark->value +
                 "` is set in the transaction that writes the row and never goes back";
  TM_TRY(std::string version, file_version());
  SqlitePosition last;
  if (progress.lo && !progress.full_requested) {
    TM_TRY(last, parse_sqlite_position(*progress.lo));
    bound.window.lo = progress.lo;
    if (last.file_version == version) {
      bound.window.hi = bound.window.top = progress.lo;
      bound.nothing_new = true;
      return bound;
    }
  }
  TM_CHECK(check_null_cursors());
  TM_CHECK(check_one_kind());
  const std::string cursor = sqlite::quote_identifier(spec_.watermark->value);
  // Where the newest rows were deleted the watermark stays: going back it would read older rows a
  // second time.
  std::string highest_sql = "max(" + cursor + ")";
  if (!last.literal.empty())
    highest_sql = "max(coalesce(" + highest_sql + ", " + last.literal + "), " + last.literal + ")";
  TM_TRY(sqlite::Statement top, database_.prepare("SELECT " + highest_sql + " FROM " + relation()));
  TM_CHECK(top.step());
  const std::string highest = literal_of(top, 0);
  bound.window.hi = to_position({highest, version});
  if (strategy_ == LoadStrategy::append) {
    bound.window.top = bound.window.hi;
    bound.notes.push_back("rows at the newest `" + spec_.watermark->value + "` (" + highest +
                          ") wait for the next window, since more of them may come");
  }
  return bound;
}

std::string SqliteSource::where(const Window& window) const {
  if (!spec_.watermark) return {};
  const std::string cursor = sqlite::quote_identifier(spec_.watermark->value);
  std::string condition;
  auto bind = [&](const std::optional<Position>& position, const char* comparison) {
    if (!position) return;
    auto parsed = parse_sqlite_position(*position);
    if (!parsed.ok() || parsed->literal.empty()) return;
    condition += (condition.empty() ? "" : " AND ") + cursor + comparison + parsed->literal;
  };
  bind(window.lo, " >= ");
  bind(window.top, " < ");
  if (reads_null_cursors(spec_.null_cursor, window)) {
    if (!condition.empty()) condition = "(" + condition + ") OR " + cursor + " IS NULL";
  } else {
    condition += (condition.empty() ? "" : " AND ") + cursor + " IS NOT NULL";
  }
  return condition;
}

Result<std::vector<Split>> SqliteSource::split(const Window& window, Cancel&) {
  const std::string condition = both(where(window), kept_);
  return std::vector<Split>{{"SELECT " + select_list_ + " FROM " + relation() +
                             (condition.empty() ? "" : " WHERE " + condition)}};
}

Result<Extraction> SqliteSource::open(const Split& split, Cancel& cancel) {
  TM_TRY(Schema schema, discover(cancel));
  auto statement = database_.prepare(split.text);
  if (!statement.ok()) {
    return std::move(statement).error().with_context("starting to read the SQLite source");
  }
  return Extraction{std::unique_ptr<Reader>(
      std::make_unique<SqliteReader>(std::move(*statement), std::move(schema)))};
}

Result<std::vector<StreamSpec>> SqliteConnector::streams(const ConnectionSpec&,
                                                         const SourceSpec& source,
                                                         const ConnectorContext&, Cancel&) const {
  if (const auto* table = std::get_if<TableInput>(&source.input)) {
    return std::vector<StreamSpec>{{StreamName(table->table.value), source}};
  }
  if (std::holds_alternative<QueryInput>(source.input)) {
    return std::vector<StreamSpec>{{StreamName("query"), source}};
  }
  return user_error("plan.bad_input", "a SQLite connection reads `table` or `query`",
                    "name one table, or write a query");
}

Result<std::unique_ptr<Source>> SqliteConnector::open_source(const ConnectionSpec& connection,
                                                             const StreamSpec& stream,
                                                             LoadStrategy strategy,
                                                             const ConnectorContext& context,
                                                             Cancel&) const {
  const auto* config = connection.config.get<SqliteConnection>();
  TM_ASSERT(config != nullptr);
  const std::filesystem::path path = context.project.root / config->path;
  auto source = SqliteSource::open(path.string(), stream.source, strategy, context.read_only);
  if (!source.ok()) {
    return std::move(source).error().with_context("opening connection `" + connection.name.value +
                                                  "`");
  }
  return source;
}

Result<std::string> SqliteConnector::change_sign(const ConnectionSpec& connection,
                                                 const std::string&, const std::string&,
                                                 const ConnectorContext& context, Cancel&) const {
  const auto* config = connection.config.get<SqliteConnection>();
  TM_ASSERT(config != nullptr);
  return sign_of_database(context.project.root / config->path);
}

Result<ConnectionState> SqliteConnector::state(const ConnectionSpec& connection,
                                               const ConnectorContext& context, Cancel&) const {
  const auto* config = connection.config.get<SqliteConnection>();
  TM_ASSERT(config != nullptr);
  const std::filesystem::path path = context.project.root / config->path;
  TM_TRY(sqlite::Database database, open_to_read(path.string()));
  std::error_code code;
  const std::uintmax_t bytes = std::filesystem::file_size(path, code);
  return ConnectionState{
      {{"file", path.string() + ", " + show_bytes(static_cast<std::int64_t>(code ? 0 : bytes))}},
      {}};
}

ConnectorSpec sqlite_connector_spec() {
  ConfigSpec<SqliteConnection> spec(
      "sqlite", "A SQLite database file as a source, opened read-only.", "{sqlite: shop.db}");
  spec.field("sqlite", &SqliteConnection::path, config::text("a path"),
             {.required = true, .description = "The file, relative to the project's folder."});
  return ConnectorSpec::of(
      std::move(spec), {.source_keys = {"table", "query", "watermark", "null_cursor", "columns"},
                        .own_sql = true,
                        .is_target = false,
                        .watched = "table",
                        .type_tables = &sqlite_type_tables});
}

}  // namespace tidemark
