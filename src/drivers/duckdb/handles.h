// One move-only RAII type per C handle of the engine. Private to this folder.
#pragma once

#include <duckdb.h>

#include <utility>

namespace tidemark::duck {

// Owns a handle that `destroy` frees through its address; null when empty.
template <class T, void (*destroy)(T*)>
class Handle {
 public:
  Handle() = default;
  explicit Handle(T value) : value_(value) {}
  Handle(Handle&& other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      reset();
      value_ = std::exchange(other.value_, nullptr);
    }
    return *this;
  }
  ~Handle() { reset(); }
  T get() const { return value_; }
  // For functions that fill a handle.
  T* fill() {
    reset();
    return &value_;
  }
  explicit operator bool() const { return value_ != nullptr; }

 private:
  void reset() {
    if (value_ != nullptr) destroy(&value_);
    value_ = nullptr;
  }
  T value_ = nullptr;
};

using DatabaseHandle = Handle<duckdb_database, duckdb_close>;
using ConnectionHandle = Handle<duckdb_connection, duckdb_disconnect>;
using ConfigHandle = Handle<duckdb_config, duckdb_destroy_config>;
using StatementHandle = Handle<duckdb_prepared_statement, duckdb_destroy_prepare>;
using PendingHandle = Handle<duckdb_pending_result, duckdb_destroy_pending>;
using ExtractedHandle = Handle<duckdb_extracted_statements, duckdb_destroy_extracted>;
using ChunkHandle = Handle<duckdb_data_chunk, duckdb_destroy_data_chunk>;
using TypeHandle = Handle<duckdb_logical_type, duckdb_destroy_logical_type>;
using ValueHandle = Handle<duckdb_value, duckdb_destroy_value>;
using TableFunctionHandle = Handle<duckdb_table_function, duckdb_destroy_table_function>;

// A result is a struct, not a pointer, so it has a type of its own.
class ResultHandle {
 public:
  ResultHandle() = default;
  ResultHandle(ResultHandle&& other) noexcept
      : result_(std::exchange(other.result_, duckdb_result{})) {}
  ResultHandle& operator=(ResultHandle&& other) noexcept {
    if (this != &other) {
      duckdb_destroy_result(&result_);
      result_ = std::exchange(other.result_, duckdb_result{});
    }
    return *this;
  }
  ~ResultHandle() { duckdb_destroy_result(&result_); }
  duckdb_result* get() { return &result_; }
  const duckdb_result& read() const { return result_; }

 private:
  duckdb_result result_{};
};

}  // namespace tidemark::duck
