// MemoryBatch: a BatchWriter over plain memory, for tests and the fuzzer, without an engine.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "model/batch.h"

namespace tidemark::postgres {

class MemoryColumn : public ColumnWriter {
 public:
  explicit MemoryColumn(std::size_t rows = 0) { grow(rows); }
  void* data() override { return data_.data(); }
  void set_null(std::size_t row) override { null_.at(row) = true; }
  void set_valid(std::size_t row) override { null_.at(row) = false; }
  void set_bytes(std::size_t row, std::string_view bytes) override { bytes_.at(row) = bytes; }
  ListSlot add_list(std::size_t row, std::size_t count) override {
    if (!elements_) elements_ = std::make_unique<MemoryColumn>();
    const std::size_t first = elements_->null_.size();
    elements_->grow(first + count);
    lists_.at(row) = {first, count};
    return {elements_.get(), first};
  }

  void grow(std::size_t rows) {
    data_.resize(rows * 16);
    null_.resize(rows);
    bytes_.resize(rows);
    lists_.resize(rows);
  }
  template <class T>
  T value(std::size_t row) const {
    T found;
    std::memcpy(&found, data_.data() + row * sizeof(T), sizeof(T));
    return found;
  }
  bool null(std::size_t row) const { return null_.at(row); }
  const std::string& bytes(std::size_t row) const { return bytes_.at(row); }
  const MemoryColumn& elements() const { return *elements_; }
  // First element and count.
  std::pair<std::size_t, std::size_t> list(std::size_t row) const { return lists_.at(row); }

 private:
  std::vector<char> data_;
  std::vector<bool> null_;
  std::vector<std::string> bytes_;
  std::vector<std::pair<std::size_t, std::size_t>> lists_;
  std::unique_ptr<MemoryColumn> elements_;
};

class MemoryBatch : public BatchWriter {
 public:
  struct Rejected {
    std::string raw;
    std::string column;
    std::string reason;
    std::string locator;
  };
  MemoryBatch(std::size_t columns, std::size_t capacity) : capacity_(capacity) {
    for (std::size_t i = 0; i < columns; ++i)
      columns_.emplace_back(capacity);
  }
  std::size_t capacity() const override { return capacity_; }
  ColumnWriter& column(std::size_t index) override { return columns_.at(index); }
  void reject(const RejectedRow& row) override {
    rejected.push_back({std::string(row.raw), row.column, row.reason, row.locator});
  }
  const MemoryColumn& at(std::size_t index) const { return columns_.at(index); }

  std::vector<Rejected> rejected;

 private:
  std::size_t capacity_;
  std::vector<MemoryColumn> columns_;
};

}  // namespace tidemark::postgres
