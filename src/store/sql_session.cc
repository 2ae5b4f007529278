#include "store/sql_session.h"

namespace tidemark {

SqlStatement& SqlStatement::bind_null(int index) {
  impl_->bind_null(index);
  return *this;
}

SqlStatement& SqlStatement::bind_int64(int index, std::int64_t value) {
  impl_->bind_int64(index, value);
  return *this;
}

SqlStatement& SqlStatement::bind_text(int index, std::string_view value) {
  impl_->bind_text(index, value);
  return *this;
}

SqlStatement& SqlStatement::bind_optional_text(int index, const std::optional<std::string>& value) {
  return value ? bind_text(index, *value) : bind_null(index);
}

Status SqlStatement::run() {
  while (true) {
    TM_TRY(const bool has_row, impl_->step());
    if (!has_row) return {};
  }
}

std::optional<std::string> SqlStatement::optional_text_at(int index) const {
  if (is_null(index)) return std::nullopt;
  return std::string(text_at(index));
}

}  // namespace tidemark
