// Text types: which type a column of texts has, and texts as values of a type. Pure; any thread.
//
// A type is found only if every value prints back to the same text: `007`, `1.10` beside `1.5`,
// `+1` and numbers too large stay text. A value is taken into a found type under the same rule, so
// nothing that was read can differ from what stood in the file; a declared type takes every usual
// way to write the value.
#pragma once

#include <cstddef>
#include <cstdint>

#include "connectors/files/records.h"
#include "model/batch.h"
#include "model/type.h"

namespace tidemark {

// What all the values of one column could be.
class TypeGuess {
 public:
  void add(const Cell& cell);
  // varchar when there was no value at all.
  Type type() const;
  bool saw_values() const { return saw_values_; }

 private:
  void add_number(std::string_view text);

  bool saw_values_ = false;
  bool json_ = false;    // numbers or values of several kinds that only JSON text keeps as written
  bool text_ = false;    // a JSON text: no number and no boolean any more
  bool number_ = false;  // a JSON number
  bool may_be_boolean_ = true;
  bool may_be_int64_ = true;
  bool may_be_decimal_ = true;
  bool may_be_double_ = true;
  bool may_be_date_ = true;
  bool may_be_timestamp_ = true;
  int scale_ = -1;        // decimals of every value so far
  int whole_digits_ = 0;  // the most before the point
};

enum class Strictness { prints_back, declared };

// Whether a declared type can be read from text at all.
bool is_readable(const Type& type);

// Writes the value; false when the text is no value of the type. `kind` of the cell is not null.
bool write_cell(const Type& type, const Cell& cell, Strictness strictness, ColumnWriter& column,
                std::size_t row);

}  // namespace tidemark
