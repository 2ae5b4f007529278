#include "connectors/files/text_reader.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "base/assert.h"
#include "base/nearest.h"
#include "connectors/files/csv_records.h"
#include "connectors/files/json_records.h"

namespace tidemark {

namespace {

// A batch ends here even when its rows are few: the engine holds a whole batch in memory.
constexpr std::size_t batch_bytes_max = 4'000'000;
constexpr std::size_t shown_value_max = 80;

const Type* declared_type(const FilesOptions& options, const std::string& name) {
  for (const auto& [column, type] : options.columns) {
    if (column == name) return &type;
  }
  return nullptr;
}

// Cuts at a character's start.
std::string shorten(std::string_view text) {
  if (text.size() <= shown_value_max) return std::string(text);
  std::size_t end = shown_value_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
    --end;
  return std::string(text.substr(0, end)) + "...";
}

Status check_declared(const FilesOptions& options, const std::vector<std::string>& names) {
  for (const auto& [column, type] : options.columns) {
    if (!is_readable(type)) {
      return user_error("source.type_not_readable",
                        "column " + column + ": " + sql_name(type) + " cannot be read from text",
                        "declare varchar and cast it in a transform step");
    }
    if (std::find(names.begin(), names.end(), column) != names.end()) continue;
    const std::optional<std::string> nearest = nearest_word(column, names);
    return user_error("source.no_such_column",
                      "`columns` names `" + column + "`, which the files do not have",
                      nearest ? "did you mean `" + *nearest + "`?" : "");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<RecordReader>> open_records(const FilesOptions& options,
                                                   const std::string& path,
                                                   std::vector<std::string> columns,
                                                   bool may_add_columns) {
  RecordOptions record_options{options.folder / path, path,
                               options.row_bytes_max, std::move(columns),
                               may_add_columns,       options.any_columns};
  if (options.format == FileFormat::json) return open_json(record_options);
  return open_csv(record_options, CsvDialect{options.header, options.delimiter, options.nulls});
}

std::vector<Strictness> strictness_of(const Schema& schema, const FilesOptions& options) {
  std::vector<Strictness> list;
  for (const Column& column : schema.columns) {
    const bool declared = declared_type(options, column.name) != nullptr;
    list.push_back(declared ? Strictness::declared : Strictness::prints_back);
  }
  return list;
}

Result<Schema> find_schema(const FilesOptions& options, const std::vector<std::string>& paths,
                           Cancel& cancel) {
  std::vector<std::string> names;
  std::vector<TypeGuess> guesses;
  Record record;
  for (const std::string& path : paths) {
    TM_TRY(std::unique_ptr<RecordReader> records,
           open_records(options, path, names, options.format == FileFormat::json));
    for (std::int64_t count = 0;; ++count) {
      if (count % 1024 == 0) TM_CHECK(cancel.check());
      TM_TRY(bool more, records->next(record));
      if (!more) break;
      if (!record.problem.empty()) continue;
      guesses.resize(std::max(guesses.size(), record.cells.size()));
      for (std::size_t i = 0; i < record.cells.size(); ++i)
        guesses[i].add(record.cells[i]);
    }
    names = records->columns();
  }
  if (names.empty()) {
    return source_error("source.no_columns", "the files hold no object, so they have no columns",
                        Retry::never, "declare them under `columns`, or run when there is data");
  }
  TM_CHECK(check_declared(options, names));
  guesses.resize(names.size());
  Schema schema;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Type* declared = declared_type(options, names[i]);
    schema.columns.push_back(
        Column{names[i], declared != nullptr ? *declared : guesses[i].type(), true, {}});
  }
  return schema;
}

TextReader::TextReader(const FilesOptions& options, const Schema& schema,
                       std::vector<std::string> paths)
    : options_(options),
      schema_(schema),
      strictness_(strictness_of(schema, options)),
      paths_(std::move(paths)) {}

std::optional<Position> TextReader::place() const {
  if (!records_) return Position{std::to_string(next_path_)};
  const RowPlace row = records_->place();
  return Position{std::to_string(next_path_ - 1) + " " + std::to_string(row.offset) + " " +
                  std::to_string(row.line)};
}

Status TextReader::go_to(const Position& place) {
  std::istringstream text(place.text);
  RowPlace row;
  text >> next_path_;
  TM_ASSERT(!text.fail() && next_path_ <= paths_.size());
  if (!(text >> row.offset >> row.line)) return {};
  TM_TRY(records_, open_records(options_, paths_[next_path_], schema_.names(), false));
  ++next_path_;
  return records_->go_to(row);
}

// False when the row was refused.
bool TextReader::write_row(BatchWriter& writer, std::size_t row) {
  RejectedRow refused;
  if (record_.problem.empty()) {
    std::size_t i = 0;
    for (; i < schema_.columns.size(); ++i) {
      const Cell& cell = record_.cells[i];
      ColumnWriter& column = writer.column(i);
      if (cell.kind == CellKind::null) {
        column.set_null(row);
      } else if (!write_cell(schema_.columns[i].type, cell, strictness_[i], column, row)) {
        break;
      }
    }
    if (i == schema_.columns.size()) return true;
    // The row number is used again, so what was set NULL must not stay so.
    for (std::size_t done = 0; done < i; ++done) {
      if (record_.cells[done].kind == CellKind::null) writer.column(done).set_valid(row);
    }
    refused.column = schema_.columns[i].name;
    refused.reason =
        "`" + shorten(record_.cells[i].text) + "` is not " + sql_name(schema_.columns[i].type);
    if (strictness_[i] == Strictness::prints_back)
      refused.reason += ", the type of this column's first load";
  } else {
    refused.column = record_.problem_column;
    refused.reason = record_.problem;
  }
  refused.raw = record_.raw;
  refused.locator = paths_[next_path_ - 1] + ":" + std::to_string(record_.line);
  writer.reject(refused);
  return false;
}

Result<std::size_t> TextReader::next(BatchWriter& writer, Cancel& cancel) {
  TM_CHECK(cancel.check());
  std::size_t rows = 0;
  std::size_t bytes = 0;
  std::size_t refused = 0;
  while (rows < writer.capacity() && (bytes < batch_bytes_max || rows == 0)) {
    if (!records_) {
      if (next_path_ == paths_.size()) return rows;
      TM_TRY(records_, open_records(options_, paths_[next_path_], schema_.names(), false));
      ++next_path_;
    }
    TM_TRY(bool more, records_->next(record_));
    if (!more) {
      records_.reset();
      continue;
    }
    bytes += record_.raw.size();
    if (write_row(writer, rows)) {
      ++rows;
    } else if (++refused % 1024 == 0) {
      TM_CHECK(cancel.check());
    }
  }
  return rows;
}

}  // namespace tidemark
