// CountingWriter: passes a batch through to the engine and counts the bytes that go by.
//
// Lives for one call of a feed at a time; `attach` points it at the next batch and keeps the
// wrappers. One thread. Columns of fixed width are handed out unwrapped, so they cost nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "model/batch.h"

namespace tidemark {

class CountingColumn final : public ColumnWriter {
 public:
  CountingColumn(const Type& type, std::int64_t& bytes) : type_(&type), bytes_(&bytes) {}
  void attach(ColumnWriter& inner) { inner_ = &inner; }
  void* data() override { return inner_->data(); }
  void set_null(std::size_t row) override { inner_->set_null(row); }
  void set_valid(std::size_t row) override { inner_->set_valid(row); }
  void set_bytes(std::size_t row, std::string_view bytes) override;
  ListSlot add_list(std::size_t row, std::size_t count) override;

 private:
  const Type* type_;
  std::int64_t* bytes_;
  ColumnWriter* inner_ = nullptr;
  std::unique_ptr<CountingColumn> elements_;
};

class CountingWriter final : public BatchWriter {
 public:
  // `schema` outlives the writer.
  explicit CountingWriter(const Schema& schema);
  void attach(BatchWriter& inner);
  // Bytes of all batches so far. `rows` is how many rows the last batch got.
  std::int64_t end_batch(std::size_t rows);

  std::size_t capacity() const override { return inner_->capacity(); }
  ColumnWriter& column(std::size_t index) override;
  void reject(const RejectedRow& row) override { inner_->reject(row); }

 private:
  std::vector<std::unique_ptr<CountingColumn>> columns_;  // nullptr where the width is fixed
  std::int64_t fixed_bytes_ = 0;                          // of one row
  std::int64_t bytes_ = 0;
  BatchWriter* inner_ = nullptr;
};

}  // namespace tidemark
