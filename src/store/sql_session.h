// The seam between the store's SQL and the systems that keep it: SqlDatabase runs pieces of work,
// each a function of a SqlSession, in which SqlStatements are prepared.
//
// The texts are one for all systems, so they keep to what both understand: placeholders `?` or
// `?1`, `ON CONFLICT`, integers, texts and NULL; no functions but `coalesce`, `count`, `sum` and
// `max` of rows. Times are texts of one width, which sort as times everywhere; texts compare by
// their bytes.
//
// A SqlDatabase is safe from any thread. A session and its statements belong to the piece of work
// they were given to, and end with it. A piece of work may run more than once, and on another
// thread than its caller's: it changes nothing but the session and what it gives back, which it
// sets anew each time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "env/clock.h"

namespace tidemark {

// Parameters and columns count from 0; a parameter that was not bound is NULL. What is wrong with a
// bind is reported by the next `step`, so binds chain. Text of a column lives until the next
// `step`.
class SqlStatement {
 public:
  // What a system makes of it.
  class Impl {
   public:
    virtual ~Impl() = default;
    virtual void bind_null(int index) = 0;
    virtual void bind_int64(int index, std::int64_t value) = 0;
    virtual void bind_text(int index, std::string_view value) = 0;
    virtual Result<bool> step() = 0;
    virtual bool is_null(int index) const = 0;
    virtual std::int64_t int64_at(int index) const = 0;
    virtual std::string_view text_at(int index) const = 0;
  };
  explicit SqlStatement(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

  SqlStatement& bind_null(int index);
  SqlStatement& bind_int64(int index, std::int64_t value);
  // Copies; any bytes come back as they are.
  SqlStatement& bind_text(int index, std::string_view value);
  SqlStatement& bind_optional_text(int index, const std::optional<std::string>& value);

  // True: a row is there. False: done; the statement can be bound and run again.
  Result<bool> step() { return impl_->step(); }
  // For statements without rows: runs to the end.
  Status run();

  bool is_null(int index) const { return impl_->is_null(index); }
  // 0 and "" for NULL.
  std::int64_t int64_at(int index) const { return impl_->int64_at(index); }
  std::string_view text_at(int index) const { return impl_->text_at(index); }
  std::optional<std::string> optional_text_at(int index) const;

 private:
  std::unique_ptr<Impl> impl_;
};

class SqlSession {
 public:
  virtual ~SqlSession() = default;
  // Exactly one statement.
  virtual Result<SqlStatement> prepare(std::string_view sql) = 0;
  // One or more statements without parameters, the words of migrations among them; their rows are
  // dropped.
  virtual Status execute(std::string_view sql) = 0;
  // By the last statement that changes rows.
  virtual std::int64_t changed_rows() const = 0;
  // In their order; none where there is no such table.
  virtual Result<std::vector<std::string>> columns_of(std::string_view table) = 0;
  // The one clock of all who share this store.
  virtual Result<UtcMicros> now() = 0;
  // A time by this machine's clock as that clock has it.
  virtual Result<UtcMicros> by_store_clock(UtcMicros at) = 0;
  // Behind a SELECT whose rows are to be changed: those of `table` that another transaction changes
  // at this moment are left out, where the system has several at a time.
  virtual std::string passing_over_locked(std::string_view table) const = 0;
  // Of a migration: whoever has the store open by now, but this session, has to open it anew before
  // it writes.
  virtual Status turn_others_away() = 0;
  // Whether it is certain that who holds a lease lives no more.
  virtual bool is_gone(std::string_view process) const = 0;
};

class SqlDatabase {
 public:
  using Work = std::function<Status(SqlSession&)>;
  virtual ~SqlDatabase() = default;

  // In one snapshot. What the work writes is not kept.
  virtual Status read(const Work& work) = 0;
  // In one transaction, as if nobody else did anything meanwhile. After an error of the work
  // nothing of it is stored; after a success all of it is durable. `patience`: how long it may wait
  // for the system, where that is less than what the store is opened with.
  virtual Status write(const Work& work,
                       std::optional<std::chrono::milliseconds> patience = std::nullopt) = 0;
  // The same, but durable only with the next write() that ends well: where the machine falls before
  // that, it is as if it had fallen before this. What is lost so is lost from the end, never from
  // the middle. For what a start finds out by itself, of a system that falls together with its
  // clients; any other makes it durable at once.
  virtual Status write_behind(const Work& work) { return write(work); }
  // The same as write(), alone: no other write of any process goes on meanwhile.
  virtual Status migrate(const Work& work) = 0;
  // For people: the file, or the server and its database.
  virtual std::string name() const = 0;
};

}  // namespace tidemark
