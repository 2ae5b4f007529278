// What Engine, Connection and Answer hold. Private to this folder.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "drivers/duckdb/engine.h"
#include "drivers/duckdb/feeds.h"
#include "drivers/duckdb/handles.h"

namespace tidemark::duck {

// A connection of the engine with the statements that were prepared in it, by their texts.
struct Session {
  ConnectionHandle connection;
  std::unordered_map<std::string, StatementHandle> prepared;  // gone before their connection
};

// Sessions that nobody uses, for who connects next: to make one, and to prepare again what is asked
// each time, costs more than a small question. Any thread.
class IdleSessions {
 public:
  std::optional<Session> take();
  void give(Session session);
  void end();

 private:
  std::mutex mutex_;
  std::vector<Session> sessions_;
};

struct Engine::Impl {
  // Before the database: its table function points at the registry until the last connection is
  // closed.
  FeedRegistry feeds;
  DatabaseHandle database;
  // Shared with the connections, of which one may go after its engine.
  std::shared_ptr<IdleSessions> idle = std::make_shared<IdleSessions>();
};

struct Connection::Impl {
  Impl(FeedRegistry& registry, std::shared_ptr<IdleSessions> others)
      : feeds(registry), idle(std::move(others)) {}
  FeedRegistry& feeds;
  std::shared_ptr<IdleSessions> idle;
  Session session;
  // Nothing was done in it but to ask questions with parameters, so it is as a new one.
  std::atomic<bool> is_as_new{true};
  std::map<std::string, std::uint64_t> own_feeds;  // FROM text -> id
  bool in_transaction = false;
  bool failed = false;  // a call since begin() failed, so COMMIT would lie

  // The error of a feed this connection scans goes before the engine's, which only quotes it.
  Error fail(duckdb_error_type type, const char* message);
  Result<StatementHandle> prepare(const std::string& sql);
  // One that is kept, or else a new one in `own`.
  Result<duckdb_prepared_statement> prepare_kept(const std::string& sql, StatementHandle& own);
  // One or more statements for their effect.
  Status run(const std::string& sql);
  // One, as execute_waiting().
  Status run_waiting(const std::string& sql, ResultHandle& result);
  // Nothing, except where a test armed the failpoint of the engine.
  Status injected_fault();
};

struct Answer::Impl {
  Schema schema;
  std::vector<TypeHandle> types;
  ResultHandle result;
  std::vector<ChunkHandle> chunks;
  std::vector<std::size_t> first_rows;  // of each chunk
  std::size_t rows = 0;
  std::int64_t changed = 0;

  // All that `result` has.
  void take_rows();
  struct Cell {
    duckdb_vector vector;
    std::size_t row;
  };
  Cell cell(std::size_t row, std::size_t column) const;
};

// The columns of a prepared statement or a result.
Schema schema_of(duckdb_result* result);
Schema schema_of(duckdb_prepared_statement statement);

}  // namespace tidemark::duck
