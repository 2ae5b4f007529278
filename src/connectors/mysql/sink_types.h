// Types of the engine against types of MySQL: the one made for a new column, and what an existing
// one takes.
//
// Pure functions; any thread. A pair is allowed only where every value of the column arrives as it
// is, or is refused with its row; nothing is rounded, cut or re-zoned.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/mysql/flavour.h"
#include "model/schema.h"

namespace tidemark::mysql {

// A column of an existing table.
struct TargetColumn {
  std::string name;
  std::string data_type;    // `varchar`
  std::string column_type;  // `varchar(20)`
  std::int64_t characters_max = -1;
  std::int64_t bytes_max = -1;
  int precision = 0;
  int scale = 0;
  bool bounded_float = false;  // float(7,2): rounds
  int fraction = 0;            // digits of the second
  std::string charset;
  std::string collation;
  bool not_null = false;
  bool has_default = false;
  bool generated = false;
  std::vector<std::string> labels = {};  // of an enum
};

// How a value is written into a statement.
enum class Literal : std::uint8_t { number, text, blob, float32, float64 };

// One column of a load. `select` is the engine's expression that gives the value in the form of
// `literal`; it fails where `holds` is false.
struct LoadColumn {
  std::string name;
  Literal literal = Literal::text;
  std::string select;
  std::string holds;   // a condition in the engine's SQL; empty: every value
  std::string reason;  // why a value that breaks it cannot be held
};

struct Fit {
  LoadColumn column;
  std::string note;  // what changes or may be refused; empty where nothing
};

// The type that holds the values of `type`. `key_columns` is how many columns its key has, 0 where
// it is not in the key: a text in a key is bounded. A user fault for types without one, with the
// cast to write.
Result<std::string> mysql_type(const Column& column, const Flavour& flavour,
                               std::size_t key_columns = 0);

// Fails with `target.schema_misfit`, naming column and both types.
Result<Fit> fit(const Column& column, const TargetColumn& target);

// A column that is created with mysql_type(column), as nullable.
Result<TargetColumn> made_column(const Column& column, const Flavour& flavour);

// fit() for such a column.
Result<Fit> new_column(const Column& column, const Flavour& flavour, std::size_t key_columns = 0);

// The labels of `enum('a','b')`.
std::vector<std::string> enum_labels(const std::string& column_type);

}  // namespace tidemark::mysql
