// CopyReader: the rows of one split, under one snapshot, as batches.
//
// A thread of its own pulls CopyData into blocks while next() decodes the one before, so the server
// never waits for the decoder; at most `blocks_max` blocks of about `block_bytes` are held. Owns
// its connection, which is closed with the reader unless all was read and somebody wants to keep
// it. The pulling thread pays the guard's toll. A batch ends where a leg of the walk does, so that
// place() can be told there. next() belongs to one thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "connect/guard.h"
#include "connect/source.h"
#include "connectors/postgres/copy_decoder.h"
#include "connectors/postgres/walk.h"
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

  // Takes the connection once all was read; it is in its transaction still.
  using Keep = std::function<void(std::unique_ptr<Connection>)>;

  // Starts to read on the connection, inside its transaction, which holds the columns as they are
  // given (read_columns.h).
  static Result<std::unique_ptr<Reader>> start(std::unique_ptr<Connection> connection,
                                               std::unique_ptr<Walk> walk,
                                               std::vector<DecodedColumn> columns, ReadGuard guard,
                                               Keep keep, Cancel& cancel);
  ~CopyReader() override;
  CopyReader(const CopyReader&) = delete;
  CopyReader& operator=(const CopyReader&) = delete;

  Result<std::size_t> next(BatchWriter& writer, Cancel& cancel) override;
  std::optional<Position> place() const override { return place_; }

 private:
  // The end of a leg: how many rows the server says it sent, and the place behind it.
  struct LegEnd {
    std::int64_t rows = 0;
    std::optional<Position> after;
  };
  struct Block {
    std::string bytes;
    std::optional<LegEnd> end;  // of the leg that ends with it
  };

  CopyReader(std::unique_ptr<Connection> connection, std::unique_ptr<Walk> walk,
             std::vector<DecodedColumn> columns, ReadGuard guard, Keep keep)
      : connection_(std::move(connection)),
        walk_(std::move(walk)),
        decoder_(std::move(columns)),
        guard_(std::move(guard)),
        keep_(std::move(keep)) {}
  void pull(Leg leg);
  // One leg; false when the reader is being destroyed.
  Result<bool> pull_leg(const Leg& leg, Block& block);
  // Hands a full block over, waiting for room; false when the reader is being destroyed.
  bool hand_over(Block& block);
  // The next block into block_; false at the end.
  Result<bool> take(Cancel& cancel);
  Status end_leg();

  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Walk> walk_;  // of the pulling thread
  CopyDecoder decoder_;
  ReadGuard guard_;  // of the pulling thread
  Keep keep_;
  Block block_;                    // what the decoder reads
  std::optional<Position> place_;  // of the next row, where it is known

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<Block> full_;
  std::vector<std::string> spare_;  // emptied blocks, so that memory is not asked for again
  std::optional<Error> error_;
  bool ended_ = false;

  Cancel stop_;  // of the pulling thread
  std::thread thread_;
};

}  // namespace tidemark::postgres
