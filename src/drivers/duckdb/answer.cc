#include "base/assert.h"
#include "drivers/duckdb/state.h"
#include "drivers/duckdb/types.h"

#include <algorithm>
#include <cstring>

namespace tidemark::duck {

Answer::Answer() : impl_(std::make_unique<Impl>()) {}
Answer::Answer(Answer&&) noexcept = default;
Answer& Answer::operator=(Answer&&) noexcept = default;
Answer::~Answer() = default;

const Schema& Answer::schema() const {
  return impl_->schema;
}
std::size_t Answer::rows() const {
  return impl_->rows;
}
std::int64_t Answer::changed() const {
  return impl_->changed;
}

void Answer::Impl::take_rows() {
  schema = schema_of(result.get());
  for (idx_t at = 0; at < schema.columns.size(); ++at)
    types.emplace_back(duckdb_column_logical_type(result.get(), at));
  changed = static_cast<std::int64_t>(duckdb_rows_changed(result.get()));
  while (true) {
    ChunkHandle chunk(duckdb_fetch_chunk(result.read()));
    if (!chunk || duckdb_data_chunk_get_size(chunk.get()) == 0) return;
    first_rows.push_back(rows);
    rows += duckdb_data_chunk_get_size(chunk.get());
    chunks.push_back(std::move(chunk));
  }
}

Answer::Impl::Cell Answer::Impl::cell(std::size_t row, std::size_t column) const {
  TM_ASSERT(row < rows && column < types.size());
  const auto after = std::upper_bound(first_rows.begin(), first_rows.end(), row);
  const auto chunk = static_cast<std::size_t>(after - first_rows.begin()) - 1;
  return {duckdb_data_chunk_get_vector(chunks[chunk].get(), column), row - first_rows[chunk]};
}

namespace {
bool valid(duckdb_vector vector, std::size_t row) {
  std::uint64_t* validity = duckdb_vector_get_validity(vector);
  return validity == nullptr || duckdb_validity_row_is_valid(validity, row);
}
}  // namespace

std::optional<std::string> Answer::text(std::size_t row, std::size_t column) const {
  const auto cell = impl_->cell(row, column);
  if (!valid(cell.vector, cell.row)) return std::nullopt;
  return print_value(cell.vector, impl_->types[column].get(), cell.row);
}

std::int64_t Answer::integer(std::size_t row, std::size_t column) const {
  const auto cell = impl_->cell(row, column);
  TM_ASSERT(valid(cell.vector, cell.row));
  const char* data = static_cast<const char*>(duckdb_vector_get_data(cell.vector));
  auto read = [&]<class T>(T value) {
    std::memcpy(&value, data + cell.row * sizeof(T), sizeof(T));
    return static_cast<std::int64_t>(value);
  };
  switch (impl_->schema.columns[column].type.kind) {
    case TypeKind::boolean:
    case TypeKind::uint8:
      return read(std::uint8_t{});
    case TypeKind::int8:
      return read(std::int8_t{});
    case TypeKind::int16:
      return read(std::int16_t{});
    case TypeKind::uint16:
      return read(std::uint16_t{});
    case TypeKind::int32:
      return read(std::int32_t{});
    case TypeKind::uint32:
      return read(std::uint32_t{});
    case TypeKind::int64:
    case TypeKind::uint64:
      return read(std::int64_t{});
    // sum() of integers is a HUGEINT; counts of ours fit 64 bits.
    case TypeKind::int128:
      return read(__int128{});
    default:
      TM_ASSERT(false && "an integer column");
      return 0;
  }
}

}  // namespace tidemark::duck
