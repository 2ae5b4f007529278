#include "store/noted_database.h"

#include <array>
#include <utility>

namespace tidemark {
namespace {

constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";

StoreKinds everything() {
  return StoreKinds().set();
}

StoreKinds kinds_of_table(std::string_view table) {
  struct Table {
    std::string_view name;
    StoreKind kind;
  };
  constexpr std::array<Table, 7> tables{{{"etl_jobs", StoreKind::jobs},
                                         {"etl_job_texts", StoreKind::jobs},
                                         {"etl_fires", StoreKind::fires},
                                         {"etl_changes", StoreKind::fires},
                                         {"etl_runs", StoreKind::runs},
                                         {"etl_run_streams", StoreKind::runs},
                                         {"run_events", StoreKind::runs}}};
  for (const Table& one : tables) {
    if (one.name == table) return store_kinds({one.kind});
  }
  return store_kinds({StoreKind::rest});
}

// The word at the start of `text` is cut off it, with the blanks before.
std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const std::size_t end = std::min(text.find_first_not_of(letters), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

// Behind UPDATE: of a conflict, or of rows that are locked.
bool is_no_table(std::string_view word) {
  return word == "SET" || word == "OF" || word == "SKIP" || word == "NOWAIT";
}

class Noted final : public SqlStatement::Impl {
 public:
  Noted(SqlStatement statement, const SqlSession& session, StoreKinds may_change, StoreKinds& kinds)
      : statement_(std::move(statement)),
        session_(session),
        may_change_(may_change),
        kinds_(kinds) {}
  void bind_null(int index) override { statement_.bind_null(index); }
  void bind_int64(int index, std::int64_t value) override { statement_.bind_int64(index, value); }
  void bind_text(int index, std::string_view value) override { statement_.bind_text(index, value); }
  // A server that asks whether there is work changes no row most of the time.
  Result<bool> step() override {
    auto stepped = statement_.step();
    const bool has_ended = stepped.ok() && !*stepped;
    if (!has_ended || session_.changed_rows() != 0) kinds_ |= may_change_;
    return stepped;
  }
  bool is_null(int index) const override { return statement_.is_null(index); }
  std::int64_t int64_at(int index) const override { return statement_.int64_at(index); }
  std::string_view text_at(int index) const override { return statement_.text_at(index); }

 private:
  SqlStatement statement_;
  const SqlSession& session_;
  const StoreKinds may_change_;
  StoreKinds& kinds_;
};

class NotedSession final : public SqlSession {
 public:
  NotedSession(SqlSession& session, StoreKinds& kinds) : session_(session), kinds_(kinds) {}
  Result<SqlStatement> prepare(std::string_view sql) override {
    TM_TRY(SqlStatement statement, session_.prepare(sql));
    const StoreKinds may_change = kinds_written_by(sql);
    if (may_change.none()) return statement;
    return SqlStatement(
        std::make_unique<Noted>(std::move(statement), session_, may_change, kinds_));
  }
  Status execute(std::string_view sql) override {
    kinds_ = everything();
    return session_.execute(sql);
  }
  std::int64_t changed_rows() const override { return session_.changed_rows(); }
  Result<std::vector<std::string>> columns_of(std::string_view table) override {
    return session_.columns_of(table);
  }
  Result<UtcMicros> now() override { return session_.now(); }
  Result<UtcMicros> by_store_clock(UtcMicros at) override { return session_.by_store_clock(at); }
  std::string passing_over_locked(std::string_view table) const override {
    return session_.passing_over_locked(table);
  }
  Status turn_others_away() override { return session_.turn_others_away(); }
  bool is_gone(std::string_view process) const override { return session_.is_gone(process); }

 private:
  SqlSession& session_;
  StoreKinds& kinds_;
};

class NotedDatabase final : public SqlDatabase {
 public:
  NotedDatabase(std::unique_ptr<SqlDatabase> database, ReadCache& cache)
      : database_(std::move(database)), cache_(cache) {}
  Status read(const Work& work) override { return database_->read(work); }
  Status write(const Work& work, std::optional<std::chrono::milliseconds> patience) override {
    return noted(work, [&](const Work& seen) { return database_->write(seen, patience); });
  }
  Status write_behind(const Work& work) override {
    return noted(work, [&](const Work& seen) { return database_->write_behind(seen); });
  }
  Status migrate(const Work& work) override {
    return noted(work, [&](const Work& seen) { return database_->migrate(seen); });
  }
  std::string name() const override { return database_->name(); }

 private:
  // Also of one that failed, since its commit may have come through.
  template <class Run>
  Status noted(const Work& work, Run run) {
    StoreKinds kinds;
    Status done = run([&](SqlSession& session) {
      NotedSession seen(session, kinds);
      return work(seen);
    });
    cache_.wrote(kinds);
    return done;
  }

  const std::unique_ptr<SqlDatabase> database_;
  ReadCache& cache_;
};

}  // namespace

StoreKinds kinds_written_by(std::string_view sql) {
  StoreKinds kinds;
  for (const std::string_view verb : {"INSERT", "UPDATE", "DELETE"}) {
    for (std::size_t at = sql.find(verb); at != std::string_view::npos; at = sql.find(verb, at)) {
      at += verb.size();
      std::string_view rest = sql.substr(at);
      std::string_view word = take_word(rest);
      if (verb != "UPDATE") {
        if (word != (verb == "INSERT" ? "INTO" : "FROM")) return everything();
        word = take_word(rest);
      }
      if (verb == "UPDATE" && is_no_table(word)) continue;
      kinds |= word.empty() ? everything() : kinds_of_table(word);
    }
  }
  return kinds;
}

std::unique_ptr<SqlDatabase> note_writes(std::unique_ptr<SqlDatabase> database, ReadCache& cache) {
  return std::make_unique<NotedDatabase>(std::move(database), cache);
}

}  // namespace tidemark
