#include "store/sqlite_database.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "drivers/sqlite/database.h"
#include "env/failpoints.h"
#include "env/process.h"
#include "store/write_groups.h"

namespace tidemark {
namespace {

// More texts than the store has, since few are made from their parts.
constexpr std::size_t prepared_max = 256;

// Statements that nobody uses, by their texts: to prepare one costs more than to run it. A use of
// one that is used already has one of its own, and whoever ends later leaves his.
class Prepared {
 public:
  explicit Prepared(sqlite::Database& database) : database_(database) {}

  Result<sqlite::Statement> take(const std::string& sql) {
    const auto found = statements_.find(sql);
    if (found == statements_.end()) return database_.prepare(sql);
    sqlite::Statement statement = std::move(found->second);
    statements_.erase(found);
    return statement;
  }
  void give(std::string sql, sqlite::Statement statement) {
    statement.clear();
    if (statements_.size() >= prepared_max) statements_.clear();
    statements_.insert_or_assign(std::move(sql), std::move(statement));
  }

 private:
  sqlite::Database& database_;
  std::unordered_map<std::string, sqlite::Statement> statements_;
};

class Statement final : public SqlStatement::Impl {
 public:
  Statement(Prepared& from, std::string sql, sqlite::Statement statement)
      : from_(from), sql_(std::move(sql)), statement_(std::move(statement)) {}
  ~Statement() override { from_.give(std::move(sql_), std::move(statement_)); }
  void bind_null(int index) override { statement_.bind_null(index); }
  void bind_int64(int index, std::int64_t value) override { statement_.bind_int64(index, value); }
  void bind_text(int index, std::string_view value) override { statement_.bind_text(index, value); }
  Result<bool> step() override { return statement_.step(); }
  bool is_null(int index) const override { return statement_.is_null(index); }
  std::int64_t int64_at(int index) const override { return statement_.int64_at(index); }
  std::string_view text_at(int index) const override { return statement_.text_at(index); }

 private:
  Prepared& from_;
  std::string sql_;
  sqlite::Statement statement_;
};

class Session final : public SqlSession {
 public:
  Session(sqlite::Database& database, const Clock& clock)
      : database_(database), clock_(clock), prepared_(database) {}
  Result<SqlStatement> prepare(std::string_view sql) override {
    std::string text(sql);
    TM_TRY(sqlite::Statement statement, prepared_.take(text));
    return SqlStatement(
        std::make_unique<Statement>(prepared_, std::move(text), std::move(statement)));
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
  // A file has one server.
  Status turn_others_away() override { return {}; }
  bool is_gone(std::string_view process) const override { return process_is_gone(process); }

 private:
  sqlite::Database& database_;
  const Clock& clock_;
  Prepared prepared_;
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

  // It waits for the disk alone, however long.
  Status write(const Work& work, std::optional<std::chrono::milliseconds> /*patience*/) override {
    return groups_.write(work, std::chrono::hours(24));
  }

  Status write_behind(const Work& work) override {
    return groups_.write(work, std::chrono::hours(24), true);
  }

  Status migrate(const Work& work) override { return write(work, std::nullopt); }
  std::string name() const override { return database_.path(); }

 private:
  // The outcome of each. Where the transaction itself fails, nothing of any is stored, and those
  // that did well get its error.
  std::vector<Status> run(const std::vector<WriteGroups::Write*>& group) {
    std::vector<Status> outcomes(group.size());
    Status whole = run_into(group, outcomes);
    if (whole.ok()) return outcomes;
    for (Status& outcome : outcomes) {
      if (outcome.ok()) outcome = whole.error();
    }
    return outcomes;
  }

  Status run_into(const std::vector<WriteGroups::Write*>& group, std::vector<Status>& outcomes) {
    std::lock_guard guard(mutex_);
    TM_CHECK(sync_commits(std::any_of(group.begin(), group.end(),
                                      [](const auto* write) { return !write->is_behind; })));
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

  // With mutex_ held, outside of a transaction. A commit that waits for no disk is in the log
  // behind all that came before it, and the sync of a later one is one of the whole log.
  Status sync_commits(bool wanted) {
    if (wanted == syncs_commits_) return {};
    TM_CHECK(
        database_.execute(wanted ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL"));
    syncs_commits_ = wanted;
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

  std::mutex mutex_;  // guards what follows, but groups_
  sqlite::Database database_;
  Session session_;
  bool syncs_commits_ = true;  // as a database is opened
  WriteGroups groups_{1, [this](const auto& group) { return run(group); },
                      [this](const auto&) {
                        return internal_error("store.busy", "the store (" + database_.path() +
                                                                ") has been busy for a day");
                      }};
};

}  // namespace

Status gather_sqlite_database(const std::filesystem::path& path) {
  {
    TM_TRY(sqlite::Database database,
           sqlite::Database::open({.path = path.string(), .access = sqlite::Access::write}));
    TM_CHECK(database.execute("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE"));
  }
  // Neither of the two says when it could not be done.
  std::error_code code;
  if (!std::filesystem::exists(path.string() + "-wal", code)) return {};
  return internal_error("store.io_failed", "cannot bring " + path.string() + "-wal into its file",
                        Retry::backoff, "look at the disk, and that no other program has it open");
}

Result<std::unique_ptr<SqlDatabase>> open_sqlite_database(const std::filesystem::path& path,
                                                          const Clock& clock) {
  sqlite::OpenOptions options;
  options.path = path.string();
  TM_TRY(sqlite::Database database, sqlite::Database::open(options));
  return std::make_unique<SqliteDatabase>(std::move(database), clock);
}

}  // namespace tidemark
