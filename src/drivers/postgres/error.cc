#include "drivers/postgres/error.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace tidemark::postgres {
namespace {

struct Known {
  std::string_view sqlstate;  // five characters, or the two of a class
  std::string_view name;
  Retry retry;
  std::string_view hint;
};

constexpr std::string_view wrong_login =
    "check `user` in the connection and its `password:`; the server's pg_hba.conf must let this "
    "user in "
    "from this machine";

// Whole states stand before classes: the first that matches wins.
constexpr std::array<Known, 38> known{{
    {"28P01", "wrong_password", Retry::never, wrong_login},
    {"28000", "login_refused", Retry::never, wrong_login},
    {"3D000", "database_missing", Retry::never, "check `dbname` in the connection"},
    {"3F000", "schema_missing", Retry::never, "check the schema before the dot, or create it"},
    {"42P01", "table_missing", Retry::never,
     "check the name with its schema; the table may have been dropped or renamed since the plan"},
    {"42703", "column_missing", Retry::never,
     "check the column's name; it may have been dropped or renamed since the plan"},
    {"42501", "not_permitted", Retry::never, "grant this user the right it lacks"},
    {"42601", "syntax_error", Retry::never, ""},
    {"42P07", "table_exists", Retry::never, ""},
    {"0A000", "unsupported", Retry::never, ""},
    {"23505", "unique_violation", Retry::never,
     "the table has a row with this key: `load: upsert` replaces it, or a rule can refuse the row"},
    {"23502", "not_null_violation", Retry::never,
     "give the column a value in `transform`, or refuse such rows by a rule"},
    {"23503", "foreign_key_violation", Retry::never,
     "load the table it refers to first, or refuse such rows by a lookup or a rule"},
    {"23514", "check_violation", Retry::never,
     "refuse such rows by a rule that says the same, so that they go to quarantine"},
    {"25006", "read_only", Retry::never,
     "this server or session takes no writes: connect to the primary, or check "
     "default_transaction_read_only"},
    {"25P02", "transaction_aborted", Retry::never, ""},
    {"22P05", "untranslatable_character", Retry::never,
     "the database is not in UTF8 and lacks this character: use one in UTF8, or refuse such rows"},
    {"40001", "serialization_failure", Retry::backoff, ""},
    {"40P01", "deadlock", Retry::backoff, ""},
    {"40003", "completion_unknown", Retry::reconnect, ""},
    {"53100", "disk_full", Retry::never, "free space on the server's disk, then run again"},
    {"53200", "out_of_memory", Retry::backoff, ""},
    {"53300", "too_many_connections", Retry::backoff,
     "wait for other sessions to end, or lower `connections` in the guard"},
    {"55P03", "lock_not_available", Retry::backoff,
     "another session holds a lock on the table; look for it in pg_locks"},
    {"55006", "object_in_use", Retry::backoff, ""},
    {"57014", "query_cancelled", Retry::backoff,
     "the statement was cancelled on the server: by statement_timeout or by a person"},
    {"57P01", "server_shutdown", Retry::reconnect,
     "the server is stopping or its operator ended the session"},
    {"57P02", "server_crash", Retry::reconnect, "look into the server's log"},
    {"57P03", "server_starting", Retry::reconnect, "the server does not take connections yet"},
    {"57P05", "session_timeout", Retry::reconnect, ""},
    {"58030", "io_error", Retry::backoff, "look into the server's log"},
    {"08001", "cannot_connect", Retry::reconnect,
     "check `host` and `port`, that the server runs, and that nothing between blocks the port"},
    {"08P01", "protocol_violation", Retry::reconnect, ""},
    {"08", "connection_lost", Retry::reconnect,
     "the session ended in mid-work: look into the server's log and at the network"},
    {"53", "out_of_resources", Retry::backoff, ""},
    {"57", "operator_intervention", Retry::reconnect, ""},
    {"28", "login_refused", Retry::never, wrong_login},
    {"22", "data_exception", Retry::never, ""},
}};

const Known* find(std::string_view sqlstate) {
  const auto* it = std::find_if(known.begin(), known.end(), [&](const Known& entry) {
    return !sqlstate.empty() && sqlstate.starts_with(entry.sqlstate);
  });
  return it == known.end() ? nullptr : it;
}

}  // namespace

std::string error_code(std::string_view sqlstate) {
  if (const Known* entry = find(sqlstate); entry != nullptr)
    return "postgres." + std::string(entry->name);
  std::string lower(sqlstate.empty() ? "failure" : sqlstate);
  for (char& c : lower)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return "postgres." + lower;
}

Error classify(const ServerMessage& message, Side side) {
  const Known* entry = find(message.sqlstate);
  Error error;
  error.code = error_code(message.sqlstate);
  error.fault = side == Side::source ? Fault::source : Fault::target;
  error.retry = entry != nullptr ? entry->retry : Retry::never;
  error.message = "PostgreSQL: " + (message.primary.empty() ? "no message" : message.primary);
  if (!message.detail.empty()) error.message += " (" + message.detail + ")";
  if (!message.sqlstate.empty()) error.message += " [" + message.sqlstate + "]";
  // Ours says what to do in terms of the project; the server's is kept where we have none.
  error.hint = entry != nullptr && !entry->hint.empty() ? std::string(entry->hint) : message.hint;
  return error;
}

bool is_connection_loss(const Error& error) {
  return error.retry == Retry::reconnect;
}

}  // namespace tidemark::postgres
