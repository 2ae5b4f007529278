#include "connectors/postgres/row_copy.h"

#include <utility>

#include "base/error.h"

namespace tidemark::postgres {

std::string select_rows(const StagedTable& rows, const Schema& schema) {
  return "SELECT " + duck::quote_list(schema.names()) + " FROM " + rows.relation;
}

Status copy_rows(duck::Connection& engine, Connection& connection, const std::string& select,
                 const std::string& copy, std::vector<CopyColumn> columns, RowCount expected,
                 Cancel& cancel) {
  CopyEncoder encoder(std::move(columns));
  TM_TRY(CopyIn copy_in, connection.copy_in(copy, cancel));
  TM_CHECK(copy_in.put(CopyEncoder::header(), cancel));
  ByteBuffer bytes;
  const auto drain = [&](const BatchReader& batch) -> Status {
    TM_CHECK(encoder.encode(batch, bytes));
    if (bytes.size() < copy_message_bytes) return {};
    TM_CHECK(copy_in.put(bytes.view(), cancel));
    bytes.clear();
    return {};
  };
  TM_CHECK(engine.stream(select, drain, cancel));
  TM_CHECK(copy_in.put(bytes.view(), cancel));
  TM_CHECK(copy_in.put(CopyEncoder::trailer(), cancel));
  TM_TRY(const std::int64_t copied, copy_in.finish(cancel));
  return check_taken(expected.get(), encoder.rows(), copied);
}

Status check_taken(std::int64_t expected, std::int64_t sent, std::int64_t taken) {
  if (taken == expected && sent == expected) return {};
  return target_error("target.rows_lost",
                      "of " + std::to_string(expected) + " rows, " + std::to_string(sent) +
                          " were sent and the target took " + std::to_string(taken),
                      Retry::never, "look for triggers on the table that drop rows");
}

bool is_unique_violation(const Error& error) {
  return error.code == "postgres.unique_violation";
}

Error rows_lost(std::int64_t expected, std::int64_t found) {
  return target_error(
      "target.rows_lost",
      "of " + std::to_string(expected) + " rows, the target took " + std::to_string(found),
      Retry::never, "look for triggers on the table that drop rows");
}

}  // namespace tidemark::postgres
