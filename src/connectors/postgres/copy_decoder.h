// CopyDecoder: the bytes of COPY ... TO STDOUT (FORMAT binary) in, rows of a batch out.
//
// Pure: no connection. Give it blocks that end between tuples, in order; it keeps no bytes. One
// thread. Every length is checked against what is there before it is used, so hostile bytes end in
// an Error. A row with a value its column cannot hold exactly is rejected with its bytes; the other
// rows go on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/postgres/type_map.h"
#include "connectors/postgres/value_decoders.h"
#include "model/batch.h"

namespace tidemark::postgres {

struct DecodedColumn {
  std::string name;
  ColumnForm form;
};

class CopyDecoder {
 public:
  explicit CopyDecoder(std::vector<DecodedColumn> columns);

  // Another COPY of the same columns begins. REQUIRES finished() and hungry().
  void begin_copy();
  // The next bytes. REQUIRES that all of the last block was decoded; the block must live until
  // then.
  void feed(std::string_view block);
  // Everything that was fed is decoded.
  bool hungry() const { return at_ == end_; }
  // The trailer was seen: the COPY is whole.
  bool finished() const { return finished_; }
  // Decodes tuples from the block into rows `row`, `row` + 1, ... below writer.capacity(); returns
  // the first row number that is still free. Errors: `source.bad_copy`, `source.column_changed`.
  Result<std::size_t> decode(BatchWriter& writer, std::size_t row);

  std::int64_t tuples() const { return tuples_; }

 private:
  Status read_header();
  // A column with its place in the batch that is filled.
  struct Field {
    const ColumnForm* form = nullptr;
    DecodeValue decode = nullptr;
    ColumnPlace place;
  };
  Result<bool> read_tuple(BatchWriter& writer, std::size_t row);
  Result<bool> reject_tuple(BatchWriter& writer, std::size_t row, const char* start,
                            std::size_t column, std::string why);
  Result<std::string_view> rest_of_tuple(const char* start, std::size_t fields_left);
  Error bad(const std::string& what) const;
  Error changed(std::size_t column) const;

  std::vector<DecodedColumn> columns_;
  std::vector<Field> fields_;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  bool header_read_ = false;
  bool finished_ = false;
  std::int64_t tuples_ = 0;
  std::string scratch_;  // of values printed as text; kept so that rows do not allocate
};

}  // namespace tidemark::postgres
