// PostgresSession: a SqlSession in a transaction of a PostgreSQL connection. For this folder only;
// one thread at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "drivers/postgres/connection.h"
#include "env/clock.h"
#include "store/sql_session.h"

namespace tidemark {

// What the name of a session begins with, on the server; its id is the rest.
inline constexpr const char* name_of_sessions = "tidemark store ";

// A failure of the driver as the store's.
Error store_error(Error error);

class PostgresSession final : public SqlSession {
 public:
  // All outlive the session and its statements.
  PostgresSession(postgres::Connection& connection, const Clock& clock, Cancel& cancel)
      : connection_(connection), clock_(clock), cancel_(cancel) {}

  Result<SqlStatement> prepare(std::string_view sql) override;
  Status execute(std::string_view sql) override;
  std::int64_t changed_rows() const override { return changed_; }
  Result<std::vector<std::string>> columns_of(std::string_view table) override;
  Result<UtcMicros> now() override;
  Result<UtcMicros> by_store_clock(UtcMicros at) override;
  std::string passing_over_locked(std::string_view table) const override;
  Status turn_others_away() override;
  bool is_gone(std::string_view process) const override;

  // Until the transaction ends no other changes what the tables are.
  Status lock_schema(const std::string& schema);
  // The first failure of the driver, whatever the work made of it.
  const std::optional<Error>& failure() const { return failure_; }
  Result<postgres::Rows> query(const std::string& sql,
                               const std::vector<std::optional<std::string>>& parameters);

 private:
  class Statement;
  Error note(Error error);

  postgres::Connection& connection_;
  const Clock& clock_;
  Cancel& cancel_;
  std::int64_t changed_ = 0;
  std::optional<UtcMicros> now_;
  UtcMicros machine_now_;
  std::optional<Error> failure_;
};

}  // namespace tidemark
