// Types of the engine against types of PostgreSQL: the one made for a new column, and what an
// existing one takes.
//
// Pure functions; any thread. A pair is allowed only where every value of the column arrives as it
// is, or is refused with its row; nothing is rounded, cut or re-zoned.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "connectors/postgres/copy_encoder.h"
#include "model/schema.h"

namespace tidemark::postgres {

// A column of an existing table, its domain already resolved to the type below.
struct TargetColumn {
  std::string name;
  std::string type_name;  // as PostgreSQL shows it, e.g. `numeric(10,2)`
  std::uint32_t type_oid = 0;
  std::int32_t type_modifier = -1;
  std::uint32_t element_oid = 0;  // arrays
  bool is_enum = false;
  bool element_is_enum = false;
  bool not_null = false;
  bool has_default = false;      // a default, an identity or a generated value
  bool generated = false;        // takes no value from outside
  bool identity_always = false;  // takes a value when the row is inserted, never after
  // Values that `=` finds equal are the same value: not so for floats, numerics or loose
  // collations.
  bool equal_is_same = false;
  std::string collation = {};            // quoted; empty where it is the type's own
  std::vector<std::string> labels = {};  // of the enum, or of the enum the elements are of
};

// The name of the type that holds every value of `type`, e.g. `numeric(20,0)` for UBIGINT. A user
// fault for types without one (STRUCT, MAP, lists of lists), with the cast to write.
Result<std::string> postgres_type(const Column& column);

// What comes of loading `column` into `target`.
struct Fit {
  CopyColumn copy;
  std::string note;  // what changes or may be refused; empty where nothing
};

// Fails with `target.schema_misfit`, naming column and both types.
Result<Fit> fit(const Column& column, const TargetColumn& target);

// A column that is created with postgres_type(column), as nullable.
Result<TargetColumn> made_column(const Column& column);

// fit() for such a column.
Result<CopyColumn> new_column(const Column& column);

// The column as the engine would hold it; types the engine lacks are text.
Column as_column(const TargetColumn& target);

}  // namespace tidemark::postgres
