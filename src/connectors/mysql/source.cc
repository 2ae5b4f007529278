#include "connectors/mysql/source.h"

#include <utility>

#include "connect/placed_position.h"
#include "connect/table_source.h"
#include "connectors/mysql/in_flight.h"
#include "connectors/mysql/stream_reader.h"

namespace tidemark::mysql {

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
  return "(" + without_semicolon(std::get<QueryInput>(spec_.input).query.text) + "\n) as `rows`";
}

// Nobody can alter a table that a transaction has read.
std::string MysqlSource::lock() const {
  if (!std::holds_alternative<TableInput>(spec_.input)) return {};
  return "select 1 from " + relation() + " limit 0";
}

std::string MysqlSource::whole(const std::string& columns) const {
  if (const auto* query = std::get_if<QueryInput>(&spec_.input); query != nullptr && plain_)
    return without_semicolon(query->query.text);
  return "select " + columns + " from " + relation();
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
  asked_.clear();
  plain_ = true;
  for (const CatalogColumn& column : found.columns) {
    const std::string& name = column.field.name;
    TM_TRY(ColumnForm form, form_of(column.field, declared_type(spec_, name)));
    const std::string quoted = quote_name(name);
    asked_.push_back(form.spatial_text ? "ST_AsText(" + quoted + ") as " + quoted : quoted);
    plain_ = plain_ && !form.spatial_text;
    schema_.columns.push_back({name, form.type, !column.field.not_null, column.type_name});
    columns_.push_back({name, std::move(form)});
  }
  if (columns_.empty()) return user_error("plan.no_columns", "the source has no columns");
  schema_.key = found.key;
  select_list_ = comma_list(asked_);
  TM_CHECK(check_declared(spec_, schema_));
  if (spec_.watermark) {
    std::optional<std::string> zone;
    if (spec_.timezone) zone = spec_.timezone->value;
    const std::string& watermark = spec_.watermark->value;
    if (is_expression(schema_, watermark)) {
      TM_TRY(cursor_, expression_cursor(*connection, relation(), watermark, zone, cancel));
    } else {
      TM_TRY(cursor_, cursor_of(found, watermark, zone));
    }
  }
  relation_ = std::move(found);
  return {};
}

Result<Schema> MysqlSource::discover(Cancel& cancel) {
  TM_CHECK(describe(cancel));
  return schema_;
}

Result<bool> MysqlSource::may_hold(const std::vector<std::string>& columns, const Position& lo,
                                   Cancel& cancel) {
  TM_CHECK(describe(cancel));
  if (!windowed()) return true;
  TM_TRY(const std::string read,
         window_condition(*cursor_, Window{std::nullopt, lo, lo}, spec_.null_cursor));
  TM_TRY(Connection * connection, control(cancel));
  TM_TRY(const Rows found,
         connection->query(holds_value_sql(relation(), columns, quote_name, read), cancel));
  return found.integer(0, 0) != 0;
}

Status MysqlSource::leave_out(const std::vector<std::string>& columns) {
  for (const std::string& name : columns) {
    const auto at = schema_.find(name);
    if (!at) continue;
    const auto place = static_cast<std::ptrdiff_t>(*at);
    schema_.columns.erase(schema_.columns.begin() + place);
    columns_.erase(columns_.begin() + place);
    asked_.erase(asked_.begin() + place);
    plain_ = false;
  }
  select_list_ = comma_list(asked_);
  return {};
}

std::string MysqlSource::cursor_value(const Position& position) const {
  return cursor_ ? parse_placed(position).value : std::string();
}

std::optional<CursorShape> MysqlSource::cursor_shape() const {
  if (!cursor_) return std::nullopt;
  switch (cursor_->kind) {
    case CursorKind::timestamp:
      return CursorShape::instant;
    case CursorKind::datetime:
      return CursorShape::wall;
    case CursorKind::date:
      return CursorShape::day;
    case CursorKind::number:
      return CursorShape::number;
  }
  return std::nullopt;
}

// The session's zone is UTC, so a moment is written as its clock shows it.
Position MysqlSource::position_of(const std::string& value) const {
  std::string text = value;
  if (cursor_shape() == CursorShape::instant) {
    text[text.find('T')] = ' ';
    text.pop_back();
  }
  return {text};
}

bool MysqlSource::keep_to(const std::vector<RowRange>& ranges) {
  kept_ = ranges_condition(ranges, quote_name);
  return true;
}

Status MysqlSource::only_keys(const std::vector<std::string>& columns,
                              const std::optional<Position>& since) {
  only_keys_ = true;
  keys_since_ = since;
  return leave_out(all_but(schema_, columns));
}

Status MysqlSource::check_has_all(Connection& connection, Cancel& cancel) {
  TM_TRY(const std::string lagging, follows_another(connection, cancel));
  if (!lagging.empty()) return keys_behind(lagging, "connect to the primary");
  const std::optional<std::string> place =
      keys_since_ ? parse_placed(*keys_since_).place : std::nullopt;
  if (!place) return {};
  TM_TRY(const std::string here, server_identity(connection, cancel));
  if (*place == here) return {};
  return source_changed("the source became another server while the run read it", false);
}

Status MysqlSource::check_scan(Connection& connection, Cancel& cancel) {
  const auto* table = std::get_if<TableInput>(&spec_.input);
  if (table == nullptr) return {};
  TM_TRY(const std::int64_t bytes,
         bytes_scanned(connection, TableName::parse(table->table.value), *cursor_, cancel));
  if (bytes <= scan_limit(access_.guard)) return {};
  const std::string mend =
      cursor_->is_expression
          ? "a generated column of the expression that has an index, and name it as the watermark"
          : "`create index " + cursor_->column + "_index on " + relation() + " (" + cursor_->sql +
                ")`";
  return seq_scan(table->table.value, cursor_->column, bytes, mend);
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
    std::shared_ptr<void> looks;
    if (access_.guard != nullptr) {
      looks = access_.guard->watch([] { return std::make_shared<Looks>(); });
      request.looks = static_cast<Looks*>(looks.get());
    }
    if (!progress.full_requested) request.lo = progress.lo;
    if (!spec_.allow_seq_scan) TM_CHECK(check_scan(*connection, cancel));
    TM_TRY(bound, find_bound(*connection, request, cancel));
    TM_TRY(const std::int64_t nulls, count_null_cursors(*connection, relation(), *cursor_, cancel));
    TM_CHECK(judge_null_cursors(spec_, cursor_->column, nulls, bound));
    // Rows that belong to every run are there to read, whatever the window says.
    if (reads_null_cursors(spec_.null_cursor, bound.window)) bound.nothing_new = false;
  }
  if (!bound.window.lo && relation_->rows_estimated >= 0) {
    bound.rows_expected = relation_->rows_estimated;
    bound.bytes_expected = relation_->bytes_estimated;
    bound.notes.push_back(
        "read by one session, and anew from the beginning where that dies: sessions of MySQL have "
        "no snapshot that they can share");
  }
  return bound;
}

Result<std::vector<Split>> MysqlSource::split(const Window& window, Cancel& cancel) {
  TM_CHECK(describe(cancel));
  if (!windowed() && kept_.empty()) return std::vector<Split>{{whole(select_list_)}};
  std::string sql = "select " + select_list_ + " from " + relation();
  std::string condition;
  if (windowed()) {
    TM_TRY(condition, window_condition(*cursor_, window, spec_.null_cursor));
  }
  condition = both(condition, kept_);
  if (!condition.empty()) sql += " where " + condition;
  return std::vector<Split>{{std::move(sql)}};
}

Result<Extraction> MysqlSource::open(const Split& split, Cancel& cancel) {
  TM_CHECK(describe(cancel));
  // The first reader takes the control connection with it, since connecting costs more than a small
  // read.
  TM_TRY(Connection * present, control(cancel));
  if (only_keys_) TM_CHECK(check_has_all(*present, cancel));
  Toll toll = access_.guard == nullptr ? Toll() : Toll(*access_.guard, access_.job);
  auto reader = StreamReader::start(std::move(control_), {split.text, lock()}, columns_,
                                    std::move(toll), cancel);
  if (!reader.ok()) return std::move(reader).error().with_context("starting to read from MySQL");
  return Extraction{std::move(*reader)};
}

}  // namespace tidemark::mysql
