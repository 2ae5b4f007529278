// How each type of MySQL and MariaDB is read: the form of its values and the type they are staged
// as.
//
// One table, read by the code, by the tests and by the generated page of docs. Pure functions, any
// thread. A type that is not in the table is refused at plan.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/mysql/connection.h"
#include "model/type.h"

namespace tidemark::mysql {

// The decoder a column needs.
enum class ValueForm : std::uint8_t {
  integer,
  boolean,  // an integer or a bit that must be 0 or 1
  bits,
  float32,
  float64,
  decimal,  // held as DECIMAL
  date,
  timestamp,  // datetime and timestamp
  interval,   // a time of MySQL is a duration
  time_of_day,
  text,
  blob,
  uuid,
  as_text,  // whatever it is, as the text the server would print
};

// A line of the table.
struct TypeRule {
  std::string_view name;  // as MySQL shows it
  Field field;            // an example of it
  std::string_view remark;
};
const std::vector<TypeRule>& type_rules();

// How one column is read.
struct ColumnForm {
  ValueForm form = ValueForm::text;
  Type type;
  Field field;
  bool spatial_text = false;  // the server is asked for ST_AsText(column)
};

// `declared` is the job's `columns:` entry: `varchar` takes any column but floats, as text;
// `decimal(p,s)` another DECIMAL, `time` a time of day, `boolean` a tinyint, `blob` the bytes of a
// spatial value. Anything else is a user fault.
Result<ColumnForm> form_of(const Field& field, const std::optional<std::string>& declared);

// `bigint unsigned`, `decimal(5,2)`: for people, where the catalog does not say it.
std::string type_name(const Field& field);

}  // namespace tidemark::mysql
