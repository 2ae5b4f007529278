// CopyReader: the rows of one SELECT, under one snapshot, as batches.
//
// A thread of its own pulls CopyData into blocks while next() decodes the one before, so the server
// never waits for the decoder; at most `blocks_max` blocks of about `block_bytes` are held. Owns
// its connection, which is closed with the reader. The pulling thread pays the guard's toll. next()
// belongs to one thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "connect/guard.h"
#include "connect/source.h"
#include "connectors/postgres/copy_decoder.h"
#include "connectors/postgres/read_columns.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

// What a read pays, and who looks after its server meanwhile.
struct ReadGuard {
  Toll toll;
  std::shared_ptr<void> watch;
};

class CopyReader : public Reader {
 public:
  static constexpr std::size_t block_bytes = std::size_t{1} << 20;
  static constexpr std::size_t blocks_max = 6;

  // Starts `copy (select) to stdout` on the connection, inside its transaction. Columns that are
  // not as `planned` are the Error `source.column_changed`.
  static Result<std::unique_ptr<Reader>> start(std::unique_ptr<Connection> connection,
                                               const std::string& select,
                                               std::vector<DecodedColumn> columns,
                                               const PlannedColumns& planned, ReadGuard guard,
                                               Cancel& cancel);
  ~CopyReader() override;
  CopyReader(const CopyReader&) = delete;
  CopyReader& operator=(const CopyReader&) = delete;

  Result<std::size_t> next(BatchWriter& writer, Cancel& cancel) override;

 private:
  CopyReader(std::unique_ptr<Connection> connection, std::vector<DecodedColumn> columns,
             ReadGuard guard)
      : connection_(std::move(connection)),
        decoder_(std::move(columns)),
        guard_(std::move(guard)) {}
  void pull(CopyOut copy);
  // Hands a full block over, waiting for room; false when the reader is being destroyed.
  bool hand_over(std::string& block);
  // The next block into block_; false at the end.
  Result<bool> take(Cancel& cancel);

  std::unique_ptr<Connection> connection_;
  CopyDecoder decoder_;
  ReadGuard guard_;    // of the pulling thread
  std::string block_;  // what the decoder reads

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<std::string> full_;
  std::vector<std::string> spare_;  // emptied blocks, so that memory is not asked for again
  std::optional<Error> error_;
  bool ended_ = false;
  std::int64_t rows_sent_ = 0;  // once ended: the server's own count

  Cancel stop_;  // of the pulling thread
  std::thread thread_;
};

}  // namespace tidemark::postgres
