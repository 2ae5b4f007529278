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
#include <string>
#include <utility>

#include "base/cancel.h"
#include "base/error.h"
#include "base/result.h"
#include "drivers/duckdb/engine.h"
#include "model/batch.h"
#include "model/schema.h"

namespace tidemark {

// A part of a read, as it is decoded.
struct RowsAhead {
  duck::Feed next;                                 // 0 rows: its end
  std::function<void(const RejectedRow&)> reject;  // of `next`
  duck::Drain also;                                // is shown each batch, whatever becomes of it
};

// The same rows as a relation of the engine, while a statement of it reads them. Destroy it before
// the connection. One thread.
class RelationAhead {
 public:
  static Result<RelationAhead> make(duck::Connection& engine, const Schema& schema, RowsAhead rows);
  RelationAhead(RelationAhead&& other) noexcept;
  RelationAhead& operator=(RelationAhead&&) = delete;
  ~RelationAhead();
  // For FROM, once.
  const std::string& name() const { return name_; }
  // After the statement. What the rows failed with, or an Error for what they threw.
  const std::optional<Error>& of_rows() const { return state_->of_rows; }
  // `done`, which the statement gave; an Error where it did not read them to their end.
  Status all_read(Status done) const;

 private:
  struct State {
    std::optional<Error> of_rows;
    bool ended = false;
  };
  explicit RelationAhead(duck::Connection& engine)
      : engine_(&engine), state_(std::make_shared<State>()) {}
  duck::Connection* engine_;
  std::string name_;
  std::shared_ptr<State> state_;
};

// What becomes of each row on its way into the target.
struct StepsAhead {
  Schema in;  // of the rows as they are read
  // A SELECT of the target's columns, in order, out of the relation of that name; it is read once,
  // and rows may be left out. Empty: the rows as they are read.
  std::function<std::string(const std::string& from)> select = {};
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
  // That the target has, without those that the steps left out; nothing where it failed, or was
  // sent none.
  virtual std::optional<std::int64_t> rows() const = 0;
  // As Sink::begin: write() takes the rows that were sent, which its StagedTable gives too. Once;
  // this outlives what it gives. REQUIRES rows().
  virtual Result<std::unique_ptr<LoadTxn>> begin(Cancel& cancel) = 0;
};

}  // namespace tidemark
