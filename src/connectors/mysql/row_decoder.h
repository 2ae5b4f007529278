// RowDecoder: the row a RowStream stands on, into one row of a batch.
//
// Pure but for the stream it reads; one thread. A row with a value its column cannot hold exactly
// is rejected with its values as text; the other rows go on.
#pragma once

#include <string>
#include <vector>

#include "connectors/mysql/type_map.h"
#include "drivers/mysql/connection.h"
#include "model/batch.h"

namespace tidemark::mysql {

struct DecodedColumn {
  std::string name;
  ColumnForm form;
};

class RowDecoder {
 public:
  explicit RowDecoder(std::vector<DecodedColumn> columns);

  // Before the first row of each batch: where its columns are.
  void open(BatchWriter& writer);
  // True when the row is in the batch as row `row`, false when it was rejected.
  bool decode(const RowStream& stream, BatchWriter& writer, std::size_t row);

  const std::vector<DecodedColumn>& columns() const { return columns_; }

 private:
  std::vector<DecodedColumn> columns_;
  std::vector<ColumnWriter*> writers_;
  std::vector<void*> data_;
  std::int64_t rows_ = 0;
  std::string scratch_;
};

// A date or time as the server prints it: `2024-02-30 00:00:00.5`, of a field with that many
// digits of the second.
std::string show_moment(const Moment& moment, const Field& field);

}  // namespace tidemark::mysql
