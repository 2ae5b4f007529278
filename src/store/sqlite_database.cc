#include "store/sqlite_database.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "drivers/sqlite/database.h"
#include "env/failpoints.h"
#include "env/process.h"

namespace tidemark {
namespace {

// So that the first of a group does not wait long for the last.
constexpr std::size_t group_max = 64;

class Statement final : public SqlStatement::Impl {
 public:
  explicit Statement(sqlite::Statement statement) : statement_(std::move(statement)) {}
  void bind_null(int index) override { statement_.bind_null(index); }
  void bind_int64(int index, std::int64_t value) override { statement_.bind_int64(index, value); }
  void bind_text(int index, std::string_view value) override { statement_.bind_text(index, value); }
  Result<bool> step() override { return statement_.step(); }
  bool is_null(int index) const override { return statement_.is_null(index); }
  std::int64_t int64_at(int index) const override { return statement_.int64_at(index); }
  std::string_view text_at(int index) const override { return statement_.text_at(index); }

 private:
  sqlite::Statement statement_;
};

class Session final : public SqlSession {
 public:
  Session(sqlite::Database& database, const Clock& clock) : database_(database), clock_(clock) {}
  Result<SqlStatement> prepare(std::string_view sql) override {
    TM_TRY(sqlite::Statement statement, database_.prepare(sql));
    return SqlStatement(std::make_unique<Statement>(std::move(statement)));
  }
  Status execute(std::string_view sql) override { return database_.execute(sql); }
  std::int64_t changed_rows() const override { return database_.changed_rows(); }
  Result<std::vector<std::string>> columns_of(std::string_view table) override {
    std::vector<std::string> names;
    TM_TRY(auto rows, database_.prepare("SELECT name FROM pragma_table_info(?) ORDER BY cid"));
    rows.bind_text(0, table);
    while (true) {
      TM_TRY(const bool has_row, rows.step());
      if (!has_row) return names;
      names.emplace_back(rows.text_at(0));
    }
  }
  Result<UtcMicros> now() override { return clock_.now_utc(); }
  Result<UtcMicros> by_store_clock(UtcMicros at) override { return at; }
  std::string passing_over_locked(std::string_view) const override { return {}; }
  bool is_gone(std::string_view process) const override { return process_is_gone(process); }

 private:
  sqlite::Database& database_;
  const Clock& clock_;
};

class SqliteDatabase final : public SqlDatabase {
 public:
  SqliteDatabase(sqlite::Database database, const Clock& clock)
      : database_(std::move(database)), session_(database_, clock) {}

  Status read(const Work& work) override {
    std::lock_guard guard(mutex_);
    TM_TRY(auto transaction,
           sqlite::Transaction::begin(database_, sqlite::Transaction::Kind::read));
    return work(session_);
  }

  // It waits for the disk alone.
  Status write(const Work& work, std::optional<std::chrono::milliseconds> /*patience*/) override {
    Waiting own{&work, std::nullopt};
    std::unique_lock lock(queue_mutex_);
    queue_.push_back(&own);
    while (!own.outcome) {
      if (leading_) {
        turn_.wait(lock);
        continue;
      }
      leading_ = true;
      const std::vector<Waiting*> group = next_group();
      lock.unlock();
      std::vector<Status> outcomes = run(group);
      lock.lock();
      for (std::size_t i = 0; i < group.size(); ++i)
        group[i]->outcome = std::move(outcomes[i]);
      leading_ = false;
      turn_.notify_all();
    }
    return std::move(*own.outcome);
  }

  Status migrate(const Work& work) override { return write(work, std::nullopt); }
  std::string name() const override { return database_.path(); }

 private:
  // Lives on its caller's stack until it has an outcome.
  struct Waiting {
    const Work* work;
    std::optional<Status> outcome;
  };

  // REQUIRES queue_mutex_.
  std::vector<Waiting*> next_group() {
    const auto end =
        queue_.begin() + static_cast<std::ptrdiff_t>(std::min(queue_.size(), group_max));
    std::vector<Waiting*> group(queue_.begin(), end);
    queue_.erase(queue_.begin(), end);
    return group;
  }

  // The outcome of each. Where the transaction itself fails, nothing of any is stored, and those
  // that did well get its error.
  std::vector<Status> run(const std::vector<Waiting*>& group) {
    std::vector<Status> outcomes(group.size());
    Status whole = run_into(group, outcomes);
    if (whole.ok()) return outcomes;
    for (Status& outcome : outcomes) {
      if (outcome.ok()) outcome = whole.error();
    }
    return outcomes;
  }

  Status run_into(const std::vector<Waiting*>& group, std::vector<Status>& outcomes) {
    std::lock_guard guard(mutex_);
    TM_TRY(auto transaction, sqlite::Transaction::begin(database_));
    bool any = false;
    for (std::size_t i = 0; i < group.size(); ++i) {
      TM_CHECK(run_one(*group[i]->work, group.size() == 1, outcomes[i]));
      any = any || outcomes[i].ok();
    }
    if (!any) return {};
    TM_FAILPOINT(store_commit);
    TM_CHECK(transaction.commit());
    TM_FAILPOINT(store_committed);
    return {};
  }

  Status run_one(const Work& work, bool alone, Status& outcome) {
    if (alone) {
      outcome = work(session_);
      return {};
    }
    TM_CHECK(database_.execute("SAVEPOINT one"));
    outcome = work(session_);
    if (outcome.ok()) return database_.execute("RELEASE one");
    // After some errors (a full disk) SQLite has rolled all of it back by itself; then this fails.
    return database_.execute("ROLLBACK TO one; RELEASE one");
  }

  std::mutex mutex_;  // guards database_ and session_
  sqlite::Database database_;
  Session session_;
  std::mutex queue_mutex_;  // guards what follows
  std::condition_variable turn_;
  std::deque<Waiting*> queue_;
  bool leading_ = false;
};

}  // namespace

Result<std::unique_ptr<SqlDatabase>> open_sqlite_database(const std::filesystem::path& path,
                                                          const Clock& clock) {
  sqlite::OpenOptions options;
  options.path = path.string();
  TM_TRY(sqlite::Database database, sqlite::Database::open(options));
  return std::make_unique<SqliteDatabase>(std::move(database), clock);
}

}  // namespace tidemark
