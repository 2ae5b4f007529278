// The engine's data chunks as BatchWriter and BatchReader. Private to this folder.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "drivers/duckdb/handles.h"
#include "model/batch.h"

namespace tidemark::duck {

class VectorWriter : public ColumnWriter {
 public:
  void* data() override { return data_; }
  void set_null(std::size_t row) override;
  void set_valid(std::size_t row) override;
  void set_bytes(std::size_t row, std::string_view bytes) override;
  ListSlot add_list(std::size_t row, std::size_t count) override;
  // Points at another vector of the same type; its children follow.
  void attach(duckdb_vector vector);

 private:
  duckdb_vector vector_ = nullptr;
  void* data_ = nullptr;
  std::uint64_t* validity_ = nullptr;
  std::unique_ptr<VectorWriter> elements_;
  std::size_t elements_used_ = 0;
};

class ChunkWriter : public BatchWriter {
 public:
  ChunkWriter(std::size_t columns, const std::function<void(const RejectedRow&)>& reject)
      : columns_(columns), reject_(reject) {}
  std::size_t capacity() const override { return duckdb_vector_size(); }
  ColumnWriter& column(std::size_t index) override { return columns_[index]; }
  void reject(const RejectedRow& row) override;
  void attach(duckdb_data_chunk chunk);

 private:
  std::vector<VectorWriter> columns_;
  const std::function<void(const RejectedRow&)>& reject_;
};

class VectorReader : public ColumnReader {
 public:
  const void* data() const override { return data_; }
  const std::uint64_t* validity() const override { return validity_; }
  std::string_view bytes(std::size_t row) const override;
  ListView list(std::size_t row) const override;
  void attach(duckdb_vector vector, const Type& type);

 private:
  void* data_ = nullptr;
  std::uint64_t* validity_ = nullptr;
  std::unique_ptr<VectorReader> elements_;
};

class ChunkReader : public BatchReader {
 public:
  explicit ChunkReader(const Schema& schema) : schema_(schema), columns_(schema.columns.size()) {}
  std::size_t rows() const override { return rows_; }
  const ColumnReader& column(std::size_t index) const override { return columns_[index]; }
  void attach(duckdb_data_chunk chunk);

 private:
  const Schema& schema_;
  std::vector<VectorReader> columns_;
  std::size_t rows_ = 0;
};

}  // namespace tidemark::duck
