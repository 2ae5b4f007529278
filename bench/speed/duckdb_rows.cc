// By the engine's C API and not by src/drivers/duckdb: what checks the program must not share its
// faults. The deprecated streaming call is what keeps a large table out of memory.
#undef DUCKDB_API_NO_DEPRECATED
#include "duckdb_rows.h"

#include <duckdb.h>

#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include "fail.h"

namespace tidemark::bench {
namespace {

struct Column {
  duckdb_type type = DUCKDB_TYPE_INVALID;
  duckdb_type held_as = DUCKDB_TYPE_INVALID;  // of a decimal
  int scale = 0;
};

template <class Value>
Value at(const void* data, idx_t row) {
  return static_cast<const Value*>(data)[row];
}

Int128 wide(const duckdb_hugeint& value) {
  return static_cast<Int128>(static_cast<Uint128>(value.upper) << 64U | value.lower);
}

Int128 unscaled(const Column& column, const void* data, idx_t row) {
  switch (column.held_as) {
    case DUCKDB_TYPE_SMALLINT:
      return at<std::int16_t>(data, row);
    case DUCKDB_TYPE_INTEGER:
      return at<std::int32_t>(data, row);
    case DUCKDB_TYPE_BIGINT:
      return at<std::int64_t>(data, row);
    default:
      return wide(at<duckdb_hugeint>(data, row));
  }
}

std::string_view text_at(void* data, idx_t row) {
  duckdb_string_t& text = static_cast<duckdb_string_t*>(data)[row];
  return {duckdb_string_t_data(&text), duckdb_string_t_length(text)};
}

// Of a value in units of so many microseconds.
std::int64_t moment(std::int64_t value, std::int64_t micros) {
  if (value == INT64_MAX || value == -INT64_MAX) return value == INT64_MAX ? after_all : before_all;
  return value * micros;
}

void add_value(CanonicalRow& row, const Column& column, void* data, idx_t number) {
  switch (column.type) {
    case DUCKDB_TYPE_BOOLEAN:
      return row.boolean(at<bool>(data, number));
    case DUCKDB_TYPE_TINYINT:
      return row.number(at<std::int8_t>(data, number), 0);
    case DUCKDB_TYPE_SMALLINT:
      return row.number(at<std::int16_t>(data, number), 0);
    case DUCKDB_TYPE_INTEGER:
      return row.number(at<std::int32_t>(data, number), 0);
    case DUCKDB_TYPE_BIGINT:
      return row.number(at<std::int64_t>(data, number), 0);
    case DUCKDB_TYPE_HUGEINT:
      return row.number(wide(at<duckdb_hugeint>(data, number)), 0);
    case DUCKDB_TYPE_DECIMAL:
      return row.number(unscaled(column, data, number), column.scale);
    case DUCKDB_TYPE_FLOAT:
      return row.real(at<float>(data, number));
    case DUCKDB_TYPE_DOUBLE:
      return row.real(at<double>(data, number));
    case DUCKDB_TYPE_DATE: {
      const auto days = at<std::int32_t>(data, number);
      if (days == INT32_MAX) return row.date(after_all);
      if (days == -INT32_MAX) return row.date(before_all);
      return row.date(days);
    }
    case DUCKDB_TYPE_TIMESTAMP:
      return row.timestamp(moment(at<std::int64_t>(data, number), 1));
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return row.timestamp(moment(at<std::int64_t>(data, number), 1'000));
    case DUCKDB_TYPE_TIMESTAMP_S:
      return row.timestamp(moment(at<std::int64_t>(data, number), 1'000'000));
    case DUCKDB_TYPE_TIMESTAMP_NS: {
      const auto nanos = at<std::int64_t>(data, number);
      if (nanos % 1000 != 0) fail("a timestamp with nanoseconds has no canonical value here");
      return row.timestamp(nanos / 1000);
    }
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return row.timestamptz(moment(at<std::int64_t>(data, number), 1));
    case DUCKDB_TYPE_VARCHAR:
      return row.text(text_at(data, number));
    default:
      fail("a column of the engine's type " + std::to_string(column.type) +
           " has no canonical value here");
  }
}

std::vector<Column> columns_of(duckdb_result& result) {
  std::vector<Column> columns;
  for (idx_t number = 0; number < duckdb_column_count(&result); ++number) {
    duckdb_logical_type type = duckdb_column_logical_type(&result, number);
    Column column;
    column.type = duckdb_get_type_id(type);
    if (column.type == DUCKDB_TYPE_DECIMAL) {
      column.held_as = duckdb_decimal_internal_type(type);
      column.scale = duckdb_decimal_scale(type);
    }
    duckdb_destroy_logical_type(&type);
    columns.push_back(column);
  }
  return columns;
}

void add_chunk(TableSum& sum, CanonicalRow& row, const std::vector<Column>& columns,
               duckdb_data_chunk chunk) {
  std::vector<void*> data;
  std::vector<std::uint64_t*> valid;
  for (idx_t column = 0; column < columns.size(); ++column) {
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, column);
    data.push_back(duckdb_vector_get_data(vector));
    valid.push_back(duckdb_vector_get_validity(vector));
  }
  for (idx_t number = 0; number < duckdb_data_chunk_get_size(chunk); ++number) {
    row.clear();
    for (std::size_t column = 0; column < columns.size(); ++column) {
      if (valid[column] != nullptr && !duckdb_validity_row_is_valid(valid[column], number))
        row.null();
      else
        add_value(row, columns[column], data[column], number);
    }
    sum.add(row);
  }
}

// Gives each chunk of the answer to `use`; the columns come with it.
using Use = std::function<void(const std::vector<Column>&, duckdb_data_chunk)>;

void read(const std::string& name, const std::string& select, const Use& use) {
  const char* file = name.empty() ? nullptr : name.c_str();
  duckdb_config config = nullptr;
  duckdb_create_config(&config);
  if (file != nullptr) duckdb_set_config(config, "access_mode", "READ_ONLY");
  duckdb_set_config(config, "threads", "2");
  duckdb_database database = nullptr;
  char* problem = nullptr;
  if (duckdb_open_ext(file, &database, config, &problem) != DuckDBSuccess) fail(problem);
  duckdb_destroy_config(&config);
  duckdb_connection connection = nullptr;
  if (duckdb_connect(database, &connection) != DuckDBSuccess) fail("duckdb_connect");
  duckdb_prepared_statement statement = nullptr;
  if (duckdb_prepare(connection, select.c_str(), &statement) != DuckDBSuccess)
    fail(select + ": " + duckdb_prepare_error(statement));
  duckdb_pending_result pending = nullptr;
  if (duckdb_pending_prepared_streaming(statement, &pending) != DuckDBSuccess)
    fail(duckdb_pending_error(pending));
  duckdb_result result{};
  if (duckdb_execute_pending(pending, &result) != DuckDBSuccess) fail(duckdb_result_error(&result));
  const std::vector<Column> columns = columns_of(result);
  while (duckdb_data_chunk chunk = duckdb_fetch_chunk(result)) {
    const bool empty = duckdb_data_chunk_get_size(chunk) == 0;
    use(columns, chunk);
    duckdb_destroy_data_chunk(&chunk);
    if (empty) break;
  }
  // The end and a failure in the middle look alike until the result is asked.
  if (const char* error = duckdb_result_error(&result); error != nullptr && *error != '\0')
    fail(error);
  duckdb_destroy_result(&result);
  duckdb_destroy_pending(&pending);
  duckdb_destroy_prepare(&statement);
  duckdb_disconnect(&connection);
  duckdb_close(&database);
}

}  // namespace

std::string duckdb_sum(const std::string& file, const std::string& table_or_select) {
  TableSum sum;
  CanonicalRow row;
  std::size_t count = 0;
  read(file, select_of(table_or_select),
       [&](const std::vector<Column>& columns, duckdb_data_chunk chunk) {
         count = columns.size();
         add_chunk(sum, row, columns, chunk);
       });
  return sum.text(count);
}

std::int64_t duckdb_count(const std::string& file, const std::string& table_or_select) {
  std::int64_t count = -1;
  read(file, "select count(*) from (" + select_of(table_or_select) + ") rows",
       [&](const std::vector<Column>&, duckdb_data_chunk chunk) {
         if (duckdb_data_chunk_get_size(chunk) > 0)
           count =
               at<std::int64_t>(duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0)), 0);
       });
  return count;
}

std::string parquet_select(const std::string& path) {
  std::string from = std::filesystem::is_directory(path) ? path + "/**/*.parquet" : path;
  for (std::size_t quote = 0; (quote = from.find('\'', quote)) != std::string::npos; quote += 2)
    from.insert(quote, 1, '\'');
  return "select * from read_parquet('" + from + "', hive_partitioning = false)";
}

}  // namespace tidemark::bench
