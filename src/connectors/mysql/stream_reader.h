// StreamReader: the rows of one SELECT, under one snapshot, as batches.
//
// Owns its connection, which is closed with the reader; pays the guard's toll. next() belongs to
// one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connect/guard.h"
#include "connect/source.h"
#include "connectors/mysql/row_decoder.h"
#include "drivers/mysql/connection.h"

namespace tidemark::mysql {

struct ReadStatement {
  std::string select;
  std::string lock = {};  // a statement that is run before it; empty: none
};

class StreamReader : public Reader {
 public:
  // Takes the snapshot and starts the SELECT. A column that is not what it was at the plan is the
  // Error `source.column_changed`, and so is a table that was altered since the snapshot.
  static Result<std::unique_ptr<Reader>> start(std::unique_ptr<Connection> connection,
                                               const ReadStatement& read,
                                               std::vector<DecodedColumn> columns, Toll toll,
                                               Cancel& cancel);

  Result<std::size_t> next(BatchWriter& writer, Cancel& cancel) override;

 private:
  StreamReader(std::unique_ptr<Connection> connection, std::vector<DecodedColumn> columns,
               RowStream stream, Toll toll);

  std::unique_ptr<Connection> connection_;
  RowDecoder decoder_;
  Toll toll_;
  std::optional<RowStream> stream_;  // gone before its connection
};

}  // namespace tidemark::mysql
