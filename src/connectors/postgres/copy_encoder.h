// CopyEncoder: batches of the engine in, the bytes of COPY ... FROM STDIN (FORMAT binary) out.
//
// Pure: no connection, no memory of what it encoded except a row count for messages. One encoder
// serves one COPY: header(), encode() for each batch, trailer(). One thread. A value that
// PostgreSQL cannot hold as it is (a NUL byte in text, a date outside its calendar) is an Error and
// never altered; `holds()` gives the same test as SQL of the engine, so that such rows can be
// refused before the load.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/postgres/copy_encoder_values.h"
#include "model/batch.h"
#include "model/type.h"

namespace tidemark::postgres {

// How a value of PostgreSQL looks on the wire, which a COPY must match exactly: the server converts
// nothing.
enum class Wire : std::uint8_t {
  boolean,
  int2,
  int4,
  int8,
  float4,
  float8,
  numeric,
  text,  // text, varchar, json, enums
  jsonb,
  bytea,
  uuid,
  date,
  time,
  timetz,
  timestamp,  // also timestamptz: microseconds both
  interval,
  array,
};

struct WireType {
  Wire kind = Wire::text;
  std::int32_t characters_max = -1;         // varchar(n); -1: any
  std::uint32_t element_oid = 0;            // array only
  std::shared_ptr<const WireType> element;  // array only; shared because columns are copied with it
  std::shared_ptr<const std::vector<std::string>> labels = nullptr;  // enums only: what there is
};

// One column of a COPY: values of `type` travel as `wire`. REQUIRES a pair that `fit` of
// sink_types.h allows.
struct CopyColumn {
  std::string name;
  Type type;
  WireType wire;
};

class CopyEncoder {
 public:
  explicit CopyEncoder(std::vector<CopyColumn> columns);

  static std::string_view header();
  static std::string_view trailer();

  // Appends the rows of a batch whose columns are this encoder's, in order. After an Error the
  // bytes in `out` are worthless. The Error `target.value_refused` names column and row (1 is the
  // first of the COPY).
  Status encode(const BatchReader& batch, ByteBuffer& out);

  std::int64_t rows() const { return rows_; }

 private:
  // A column with its values in the batch that is encoded.
  struct Field {
    const CopyColumn* column = nullptr;
    const ColumnReader* values = nullptr;
    const std::uint64_t* validity = nullptr;  // null: all rows have a value
    const void* data = nullptr;
    PutValue put = nullptr;
  };

  std::vector<CopyColumn> columns_;
  std::vector<Field> fields_;
  std::int64_t rows_ = 0;
};

// A predicate of the engine's SQL that is true where `expression` (of `type`) can be stored as
// `wire`; empty where every value can. NULL values give true or NULL.
std::string holds(const std::string& expression, const Type& type, const WireType& wire);
// Whether every value holds() that a column of PostgreSQL gave where it was read: a text there has
// no NUL, a day or a time lies in the calendar.
bool own_values_hold(const Type& type, const WireType& wire);
// What a value that fails holds() is, for people: a part of a sentence after the column's name.
std::string why_refused(const Type& type, const WireType& wire);

}  // namespace tidemark::postgres
