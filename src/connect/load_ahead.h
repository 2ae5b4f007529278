// LoadAhead: rows of one load on their way into the target while their source is still read.
//
// They wait in a place of the run's own, which nobody takes for the table, and become the table's
// rows only in the load's own transaction, once the stage is sealed and found to hold exactly
// these. Destroying it before leaves nothing of them in the target. Whatever the target fails with
// on the way costs the head start and nothing else: the rows are in the stage, and a load from
// there (Sink::begin) says what is wrong.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/cancel.h"
#include "base/error.h"
#include "base/result.h"
#include "drivers/duckdb/engine.h"
#include "model/batch.h"

namespace tidemark {

// A part of a read, as it is decoded.
struct RowsAhead {
  duck::Feed next;                                 // 0 rows: its end
  std::function<void(const RejectedRow&)> reject;  // of `next`
  duck::Drain also;                                // is shown each batch, whatever becomes of it
};

class LoadTxn;

class LoadAhead {
 public:
  virtual ~LoadAhead() = default;
  // Takes rows until their end and hands each batch to `also`. Called by several threads at a time,
  // each with an engine connection of its own that is outside a transaction. False: the target
  // failed, now or before; what is left in `rows`.next is not read. An Error is one of `rows`.
  virtual Result<bool> send(duck::Connection& engine, RowsAhead rows, Cancel& cancel) = 0;
  // REQUIRES no send() running, here and below. Why the target has not all that were sent.
  virtual std::optional<Error> failure() const = 0;
  // That the target has; nothing where it failed, or was sent none.
  virtual std::optional<std::int64_t> rows() const = 0;
  // As Sink::begin: write() takes the rows that were sent, which its StagedTable gives too. Once;
  // this outlives what it gives. REQUIRES rows().
  virtual Result<std::unique_ptr<LoadTxn>> begin(Cancel& cancel) = 0;
};

}  // namespace tidemark
