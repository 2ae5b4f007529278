#include "drivers/duckdb/batches.h"

namespace tidemark::duck {

void VectorWriter::attach(duckdb_vector vector) {
  vector_ = vector;
  data_ = duckdb_vector_get_data(vector);
  validity_ = nullptr;
  elements_used_ = 0;
}

void VectorWriter::set_null(std::size_t row) {
  if (validity_ == nullptr) {
    duckdb_vector_ensure_validity_writable(vector_);
    validity_ = duckdb_vector_get_validity(vector_);
  }
  validity_[row / 64] &= ~(std::uint64_t{1} << (row % 64));
}

void VectorWriter::set_valid(std::size_t row) {
  if (validity_ != nullptr) validity_[row / 64] |= std::uint64_t{1} << (row % 64);
}

void VectorWriter::set_bytes(std::size_t row, std::string_view bytes) {
  // A short string lies in the vector itself, as duckdb.h describes it: no call into the engine.
  duckdb_string_t& place = static_cast<duckdb_string_t*>(data_)[row];
  if (bytes.size() <= sizeof(place.value.inlined.inlined)) {
    place = {};
    place.value.inlined.length = static_cast<std::uint32_t>(bytes.size());
    bytes.copy(place.value.inlined.inlined, bytes.size());
    return;
  }
  duckdb_unsafe_vector_assign_string_element_len(vector_, row, bytes.data(), bytes.size());
}

ListSlot VectorWriter::add_list(std::size_t row, std::size_t count) {
  const std::size_t first = elements_used_;
  elements_used_ += count;
  duckdb_list_vector_reserve(vector_, elements_used_);
  duckdb_list_vector_set_size(vector_, elements_used_);
  static_cast<duckdb_list_entry*>(data_)[row] = {first, count};
  if (!elements_) elements_ = std::make_unique<VectorWriter>();
  // Growing may have moved the child's buffers, so they are read again; what it counted stays.
  const std::size_t nested_used = first == 0 ? 0 : elements_->elements_used_;
  elements_->attach(duckdb_list_vector_get_child(vector_));
  elements_->elements_used_ = nested_used;
  return {elements_.get(), first};
}

void ChunkWriter::reject(const RejectedRow& row) {
  if (reject_) reject_(row);
}

void ChunkWriter::attach(duckdb_data_chunk chunk) {
  for (std::size_t at = 0; at < columns_.size(); ++at) {
    columns_[at].attach(duckdb_data_chunk_get_vector(chunk, at));
  }
}

void VectorReader::attach(duckdb_vector vector, const Type& type) {
  data_ = duckdb_vector_get_data(vector);
  validity_ = duckdb_vector_get_validity(vector);
  if (type.kind == TypeKind::list) {
    if (!elements_) elements_ = std::make_unique<VectorReader>();
    elements_->attach(duckdb_list_vector_get_child(vector), *type.element);
  }
}

std::string_view VectorReader::bytes(std::size_t row) const {
  // As duckdb.h describes it, without a call into the engine.
  const duckdb_string_t& place = static_cast<const duckdb_string_t*>(data_)[row];
  const std::size_t size = place.value.inlined.length;
  return {size <= sizeof(place.value.inlined.inlined) ? place.value.inlined.inlined
                                                      : place.value.pointer.ptr,
          size};
}

ListView VectorReader::list(std::size_t row) const {
  const auto& entry = static_cast<const duckdb_list_entry*>(data_)[row];
  return {elements_.get(), entry.offset, entry.length};
}

void ChunkReader::attach(duckdb_data_chunk chunk) {
  rows_ = duckdb_data_chunk_get_size(chunk);
  for (std::size_t at = 0; at < columns_.size(); ++at) {
    columns_[at].attach(duckdb_data_chunk_get_vector(chunk, at), schema_.columns[at].type);
  }
}

}  // namespace tidemark::duck
