#include "connectors/mysql/source.h"

#include <utility>

#include "base/nearest.h"
#include "base/units.h"
#include "connectors/mysql/stream_reader.h"

namespace tidemark::mysql {
namespace {

// The text of a query without the semicolon people end it with.
std::string trimmed(std::string text) {
  while (!text.empty() && std::string(" \t\r\n;").find(text.back()) != std::string::npos)
    text.pop_back();
  return text;
}

std::optional<std::string> declared_type(const SourceSpec& spec, const std::string& column) {
  for (const DeclaredColumn& declared : spec.columns) {
    if (declared.name.value == column) return declared.type.value;
  }
  return std::nullopt;
}

}  // namespace

MysqlSource::MysqlSource(SourceAccess access, const SourceSpec& spec, LoadStrategy strategy)
    : access_(std::move(access)), spec_(spec), strategy_(strategy) {
  access_.options.side = Side::source;
}

Result<Connection*> MysqlSource::control(Cancel& cancel) {
  if (!control_ || control_->lost()) {
    TM_TRY(control_, Connection::connect(access_.options, cancel));
  }
  return control_.get();
}

std::string MysqlSource::relation() const {
  if (const auto* table = std::get_if<TableInput>(&spec_.input))
    return TableName::parse(table->table.value).sql();
  // The newline ends a comment the query may end with.
  return "(" + trimmed(std::get<QueryInput>(spec_.input).query.text) + "\n) as `rows`";
}

std::string MysqlSource::whole(const std::string& columns) const {
  if (const auto* query = std::get_if<QueryInput>(&spec_.input); query != nullptr && plain_)
    return trimmed(query->query.text);
  return "select " + columns + " from " + relation();
}

Status MysqlSource::check_declared() const {
  for (const DeclaredColumn& declared : spec_.columns) {
    if (schema_.find(declared.name.value)) continue;
    std::string hint;
    if (const auto near = nearest_word(declared.name.value, schema_.names()))
      hint = "did you mean `" + *near + "`?";
    return user_error("plan.no_column", "the source has no column `" + declared.name.value + "`",
                      hint);
  }
  return {};
}

Status MysqlSource::describe(Cancel& cancel) {
  if (relation_) return {};
  TM_TRY(Connection * connection, control(cancel));
  Relation found;
  if (const auto* table = std::get_if<TableInput>(&spec_.input)) {
    TM_TRY(found, describe_table(*connection, TableName::parse(table->table.value), cancel));
  } else {
    TM_TRY(found, describe_query(*connection, whole("*"), cancel));
  }
  schema_ = Schema{};
  columns_.clear();
  select_list_.clear();
  plain_ = true;
  for (const CatalogColumn& column : found.columns) {
    const std::string& name = column.field.name;
    TM_TRY(ColumnForm form, form_of(column.field, declared_type(spec_, name)));
    const std::string quoted = quote_name(name);
    select_list_ += (select_list_.empty() ? "" : ", ") +
                    (form.spatial_text ? "ST_AsText(" + quoted + ") as " + quoted : quoted);
    plain_ = plain_ && !form.spatial_text;
    schema_.columns.push_back({name, form.type, !column.field.not_null, column.type_name});
    columns_.push_back({name, std::move(form)});
  }
  if (columns_.empty()) return user_error("plan.no_columns", "the source has no columns");
  schema_.key = found.key;
  TM_CHECK(check_declared());
  if (spec_.watermark) {
    std::optional<std::string> zone;
    if (spec_.timezone) zone = spec_.timezone->value;
    TM_TRY(cursor_, cursor_of(found, spec_.watermark->value, zone));
  }
  relation_ = std::move(found);
  return {};
}

Result<Schema> MysqlSource::discover(Cancel& cancel) {
  TM_CHECK(describe(cancel));
  return schema_;
}

Status MysqlSource::check_null_cursors(Connection& connection, WindowBound& bound, Cancel& cancel) {
  TM_TRY(const std::int64_t nulls, count_null_cursors(connection, relation(), *cursor_, cancel));
  if (nulls == 0) return {};
  const std::string counted = (nulls > 100'000 ? "more than 100,000" : show_count(nulls)) +
                              " rows have no value in `" + cursor_->column + "`";
  switch (spec_.null_cursor) {
    case NullCursor::fail:
      return source_error(
          "source.null_cursor", counted + ", so they belong to no window", Retry::never,
          "set `null_cursor: every_run` or `once` in the job's `from`, or mend the rows");
    case NullCursor::every_run:
      bound.notes.push_back(counted + "; they are read in every run");
      return {};
    case NullCursor::once:
      bound.notes.push_back(counted + (bound.window.lo ? "; they were read by the first run only"
                                                       : "; this run reads them"));
      return {};
  }
  return {};
}

Status MysqlSource::check_scan(Connection& connection, Cancel& cancel) {
  const auto* table = std::get_if<TableInput>(&spec_.input);
  if (table == nullptr) return {};
  const std::int64_t limit = access_.guard == nullptr ? GuardSpec().scan_limit_bytes
                                                      : access_.guard->spec().scan_limit_bytes;
  TM_TRY(const std::int64_t bytes,
         bytes_without_index(connection, TableName::parse(table->table.value), cursor_->column,
                             cancel));
  if (bytes <= limit) return {};
  return seq_scan(table->table.value, cursor_->column, bytes,
                  "`create index " + cursor_->column + "_index on " + relation() + " (" +
                      quote_name(cursor_->column) + ")`");
}

Result<WindowBound> MysqlSource::upper(const Progress& progress, Cancel& cancel) {
  TM_CHECK(describe(cancel));
  TM_TRY(Connection * connection, control(cancel));
  WindowBound bound;
  if (!windowed()) {
    bound.guarantee = Guarantee::exact;
    bound.reason = "the whole " + std::string(relation_->rows_estimated >= 0 ? "table" : "source") +
                   " is read in one snapshot";
  } else {
    BoundRequest request{relation(),
                         *cursor_,
                         std::nullopt,
                         progress.memory,
                         strategy_ == LoadStrategy::upsert,
                         progress.same_source};
    if (!progress.full_requested) request.lo = progress.lo;
    if (!spec_.allow_seq_scan) TM_CHECK(check_scan(*connection, cancel));
    TM_TRY(bound, find_bound(*connection, access_.options, request, cancel));
    TM_CHECK(check_null_cursors(*connection, bound, cancel));
    // Rows that belong to every run are there to read, whatever the window says.
    const bool reads_nulls = spec_.null_cursor == NullCursor::every_run ||
                             (spec_.null_cursor == NullCursor::once && !bound.window.lo);
    if (reads_nulls) bound.nothing_new = false;
  }
  if (!bound.window.lo && relation_->rows_estimated >= 0) {
    bound.rows_expected = relation_->rows_estimated;
    bound.bytes_expected = relation_->bytes_estimated;
  }
  return bound;
}

Result<std::vector<Split>> MysqlSource::split(const Window& window, Cancel& cancel) {
  TM_CHECK(describe(cancel));
  if (!windowed()) return std::vector<Split>{{whole(select_list_)}};
  std::string sql = "select " + select_list_ + " from " + relation();
  TM_TRY(const std::string condition, window_condition(*cursor_, window, spec_.null_cursor));
  if (!condition.empty()) sql += " where " + condition;
  return std::vector<Split>{{std::move(sql)}};
}

Result<Extraction> MysqlSource::open(const Split& split, Cancel& cancel) {
  TM_CHECK(describe(cancel));
  // The first reader takes the control connection with it, since connecting costs more than a small
  // read.
  TM_TRY([[maybe_unused]] Connection * present, control(cancel));
  Toll toll = access_.guard == nullptr ? Toll() : Toll(*access_.guard, access_.job);
  auto reader =
      StreamReader::start(std::move(control_), split.text, columns_, std::move(toll), cancel);
  if (!reader.ok()) return std::move(reader).error().with_context("starting to read from MySQL");
  return Extraction{std::move(*reader)};
}

}  // namespace tidemark::mysql
