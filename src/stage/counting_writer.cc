#include "stage/counting_writer.h"

namespace tidemark {

void CountingColumn::set_bytes(std::size_t row, std::string_view bytes) {
  *bytes_ += static_cast<std::int64_t>(bytes.size());
  inner_->set_bytes(row, bytes);
}

ListSlot CountingColumn::add_list(std::size_t row, std::size_t count) {
  ListSlot slot = inner_->add_list(row, count);
  const Type& element = *type_->element;
  *bytes_ += static_cast<std::int64_t>(count * (fixed_width(element) + 1));
  if (fixed_width(element) != 0) return slot;
  if (!elements_) elements_ = std::make_unique<CountingColumn>(element, *bytes_);
  elements_->attach(*slot.elements);
  slot.elements = elements_.get();
  return slot;
}

CountingWriter::CountingWriter(const Schema& schema) {
  for (const Column& column : schema.columns) {
    const std::size_t width = fixed_width(column.type);
    // A text costs its length besides its bytes.
    fixed_bytes_ += static_cast<std::int64_t>(width == 0 ? 4 : width);
    columns_.push_back(width == 0 ? std::make_unique<CountingColumn>(column.type, bytes_)
                                  : nullptr);
  }
}

void CountingWriter::attach(BatchWriter& inner) {
  inner_ = &inner;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i]) columns_[i]->attach(inner.column(i));
  }
}

std::int64_t CountingWriter::end_batch(std::size_t rows) {
  bytes_ += fixed_bytes_ * static_cast<std::int64_t>(rows);
  return bytes_;
}

ColumnWriter& CountingWriter::column(std::size_t index) {
  return columns_[index] ? *columns_[index] : inner_->column(index);
}

}  // namespace tidemark
