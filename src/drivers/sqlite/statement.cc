#include <sqlite3.h>

#include <utility>

#include "base/assert.h"
#include "drivers/sqlite/database.h"

namespace tidemark::sqlite {

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      handle_(std::exchange(other.handle_, nullptr)),
      bind_failure_(other.bind_failure_) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(database_, other.database_);
  std::swap(handle_, other.handle_);
  std::swap(bind_failure_, other.bind_failure_);
  return *this;
}

Statement::~Statement() {
  sqlite3_finalize(handle_);
}

void Statement::note(int code) {
  if (bind_failure_ == SQLITE_OK) bind_failure_ = code;
}

Statement& Statement::bind_null(int index) {
  note(sqlite3_bind_null(handle_, index + 1));
  return *this;
}

Statement& Statement::bind_int64(int index, std::int64_t value) {
  note(sqlite3_bind_int64(handle_, index + 1, value));
  return *this;
}

Statement& Statement::bind_double(int index, double value) {
  note(sqlite3_bind_double(handle_, index + 1, value));
  return *this;
}

Statement& Statement::bind_text(int index, std::string_view value) {
  // A null pointer would bind NULL, but an empty view may well have one.
  const char* data = value.empty() ? "" : value.data();
  note(sqlite3_bind_text64(handle_, index + 1, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_optional_text(int index, const std::optional<std::string>& value) {
  return value ? bind_text(index, std::string_view(*value)) : bind_null(index);
}

Statement& Statement::bind_blob(int index, std::span<const std::byte> value) {
  const void* data = value.empty() ? static_cast<const void*>("") : value.data();
  note(sqlite3_bind_blob64(handle_, index + 1, data, value.size(), SQLITE_TRANSIENT));
  return *this;
}

Result<bool> Statement::step() {
  if (int failed = std::exchange(bind_failure_, SQLITE_OK); failed != SQLITE_OK) {
    return database_->failure(failed, "bind a value for");
  }
  int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  // The Error first: resetting may overwrite SQLite's message.
  Error error = database_->failure(code, "use");
  reset();
  return error;
}

Status Statement::run() {
  while (true) {
    TM_TRY(bool has_row, step());
    if (!has_row) return {};
  }
}

void Statement::reset() {
  // It repeats the error of the last step, which has been reported.
  static_cast<void>(sqlite3_reset(handle_));
}

void Statement::clear() {
  reset();
  sqlite3_clear_bindings(handle_);
  bind_failure_ = SQLITE_OK;
}

int Statement::parameter_count() const {
  return sqlite3_bind_parameter_count(handle_);
}

int Statement::column_count() const {
  return sqlite3_column_count(handle_);
}

std::string Statement::column_name(int index) const {
  const char* name = sqlite3_column_name(handle_, index);
  return name != nullptr ? name : "";
}

std::string Statement::declared_type(int index) const {
  const char* type = sqlite3_column_decltype(handle_, index);
  return type != nullptr ? type : "";
}

StorageClass Statement::storage_class(int index) const {
  switch (sqlite3_column_type(handle_, index)) {
    case SQLITE_INTEGER:
      return StorageClass::integer;
    case SQLITE_FLOAT:
      return StorageClass::real;
    case SQLITE_TEXT:
      return StorageClass::text;
    case SQLITE_BLOB:
      return StorageClass::blob;
    default:
      return StorageClass::null;
  }
}

std::int64_t Statement::int64_at(int index) const {
  return sqlite3_column_int64(handle_, index);
}

double Statement::double_at(int index) const {
  return sqlite3_column_double(handle_, index);
}

std::string_view Statement::text_at(int index) const {
  if (is_null(index)) return {};
  // The text first: asking for its length may convert it.
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle_, index));
  // Only without memory is there no text here; an empty one instead would be a silent change.
  TM_ASSERT(data != nullptr);
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_, index))};
}

std::optional<std::string> Statement::optional_text_at(int index) const {
  if (is_null(index)) return std::nullopt;
  return std::string(text_at(index));
}

std::span<const std::byte> Statement::bytes_at(int index) const {
  const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(handle_, index));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_, index))};
}

}  // namespace tidemark::sqlite
