#include "drivers/mysql/error.h"

#include <algorithm>
#include <array>

namespace tidemark::mysql {
namespace {

struct Known {
  unsigned number;
  std::string_view name;
  Retry retry;
  std::string_view hint;
};

constexpr std::string_view wrong_login =
    "check `user` in the connection and its `password:`; the server's account must let this user "
    "in "
    "from this machine";
constexpr std::string_view lacks_right = "grant this user the right it lacks";
constexpr std::string_view session_lost =
    "the session ended in mid-work: look into the server's log and at the network";
constexpr std::string_view cannot_reach =
    "check `host` and `port`, or `socket`, that the server runs, and that nothing between blocks "
    "the port";
constexpr std::string_view too_long =
    "widen the column, or refuse such rows by a rule, so that they go to quarantine";

constexpr std::array known{
    Known{1045, "wrong_login", Retry::never, wrong_login},
    Known{1698, "wrong_login", Retry::never, wrong_login},
    Known{1049, "database_missing", Retry::never, "check `dbname` in the connection"},
    Known{1146, "table_missing", Retry::never,
          "check the name with its database; the table may have been dropped or renamed since the "
          "plan"},
    Known{1051, "table_missing", Retry::never, ""},
    Known{1054, "column_missing", Retry::never,
          "check the column's name; it may have been dropped or renamed since the plan"},
    Known{1044, "not_permitted", Retry::never, lacks_right},
    Known{1142, "not_permitted", Retry::never, lacks_right},
    Known{1143, "not_permitted", Retry::never, lacks_right},
    Known{1227, "not_permitted", Retry::never, lacks_right},
    Known{1370, "not_permitted", Retry::never, lacks_right},
    Known{1064, "syntax_error", Retry::never, ""},
    Known{1050, "table_exists", Retry::never, ""},
    Known{1062, "unique_violation", Retry::never,
          "the table has a row with this key: `load: upsert` replaces it, or a rule can refuse the "
          "row"},
    Known{1048, "not_null_violation", Retry::never,
          "give the column a value in `transform`, or refuse such rows by a rule"},
    Known{1452, "foreign_key_violation", Retry::never,
          "load the table it refers to first, or refuse such rows by a lookup or a rule"},
    Known{1451, "foreign_key_violation", Retry::never,
          "rows of another table refer to these; use `load: upsert`, which deletes nothing"},
    Known{3819, "check_violation", Retry::never,
          "refuse such rows by a rule that says the same, so that they go to quarantine"},
    Known{4025, "check_violation", Retry::never,
          "refuse such rows by a rule that says the same, so that they go to quarantine"},
    Known{1406, "too_long", Retry::never, too_long},
    Known{1264, "out_of_range", Retry::never, too_long},
    Known{
        1366, "untranslatable_value", Retry::never,
        "the column's character set lacks a character, or the value is none of its type: make the "
        "column utf8mb4, or refuse such rows"},
    Known{1265, "data_truncated", Retry::never, too_long},
    Known{1292, "bad_value", Retry::never, ""},
    Known{1290, "read_only", Retry::never,
          "this server takes no writes: connect to the primary, or check read_only"},
    Known{1792, "read_only", Retry::never, ""},
    Known{1836, "read_only", Retry::never, "this server takes no writes: connect to the primary"},
    Known{1213, "deadlock", Retry::backoff, ""},
    Known{1205, "lock_wait_timeout", Retry::backoff,
          "another session holds a lock on the rows or the table; look for it in SHOW PROCESSLIST"},
    Known{1412, "table_changed", Retry::backoff,
          "the table was altered after the snapshot was taken; the next try reads it as it is now"},
    Known{1020, "record_changed", Retry::backoff, ""},
    Known{1317, "query_cancelled", Retry::backoff,
          "the statement was stopped on the server: by KILL QUERY or by a person"},
    Known{1969, "query_cancelled", Retry::backoff, "max_statement_time stopped the statement"},
    Known{3024, "query_cancelled", Retry::backoff, "max_execution_time stopped the statement"},
    Known{1021, "disk_full", Retry::never, "free space on the server's disk, then run again"},
    Known{1114, "table_full", Retry::never, "free space on the server's disk, then run again"},
    Known{1038, "out_of_memory", Retry::backoff, ""},
    Known{1041, "out_of_memory", Retry::backoff, ""},
    Known{1040, "too_many_connections", Retry::backoff, "wait for other sessions to end"},
    Known{1203, "too_many_connections", Retry::backoff, "wait for other sessions to end"},
    Known{1226, "too_many_connections", Retry::backoff, "a limit of the account was reached"},
    Known{1153, "packet_too_large", Retry::never,
          "a row is larger than the server takes: raise max_allowed_packet there"},
    Known{2020, "packet_too_large", Retry::never,
          "a row is larger than the server sends: raise max_allowed_packet there"},
    Known{1053, "server_shutdown", Retry::reconnect, "the server is stopping"},
    Known{1077, "server_shutdown", Retry::reconnect, "the server is stopping"},
    Known{1927, "session_killed", Retry::reconnect, "its operator ended the session"},
    Known{1094, "no_such_session", Retry::never, ""},
    Known{1095, "not_permitted", Retry::never, lacks_right},
    Known{2002, "cannot_connect", Retry::reconnect, cannot_reach},
    Known{2003, "cannot_connect", Retry::reconnect, cannot_reach},
    Known{2005, "cannot_connect", Retry::reconnect, cannot_reach},
    Known{2026, "tls_failed", Retry::never,
          "check `sslmode` and `sslrootcert` in the connection, and the server's certificate"},
    Known{2058, "wrong_login", Retry::never, wrong_login},
    Known{5010, "plain_login", Retry::never,
          "the server asks for the password as it is, or by a plugin of which it is not known that "
          "it "
          "seals it; that it gets over `sslmode=verify-full` alone; or let its account log in by "
          "caching_sha2_password or ed25519"},
    Known{2006, "connection_lost", Retry::reconnect, session_lost},
    Known{2013, "connection_lost", Retry::reconnect, session_lost},
    Known{2014, "connection_lost", Retry::reconnect, session_lost},
    Known{2027, "connection_lost", Retry::reconnect, session_lost},
    Known{2055, "connection_lost", Retry::reconnect, session_lost},
    Known{1158, "connection_lost", Retry::reconnect, session_lost},
    Known{1159, "connection_lost", Retry::reconnect, session_lost},
    Known{1160, "connection_lost", Retry::reconnect, session_lost},
    Known{1161, "connection_lost", Retry::reconnect, session_lost},
};

const Known* find(unsigned number) {
  const auto* it = std::find_if(known.begin(), known.end(),
                                [&](const Known& entry) { return entry.number == number; });
  return it == known.end() ? nullptr : it;
}

// A message may show a row's value with its line breaks.
std::string one_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  for (char& c : text) {
    if (c == '\n' || c == '\t' || c == '\r') c = ' ';
  }
  return text;
}

}  // namespace

std::string error_code(unsigned number) {
  if (const Known* entry = find(number); entry != nullptr)
    return "mysql." + std::string(entry->name);
  return "mysql.error_" + std::to_string(number);
}

Error classify(const ServerMessage& message, Side side) {
  const Known* entry = find(message.number);
  Error error;
  error.code = error_code(message.number);
  error.fault = side == Side::source ? Fault::source : Fault::target;
  error.retry = entry != nullptr ? entry->retry : Retry::never;
  error.message = "MySQL: " + (message.text.empty() ? "no message" : one_line(message.text)) +
                  " [" + std::to_string(message.number) + "]";
  if (entry != nullptr) error.hint = std::string(entry->hint);
  return error;
}

bool is_connection_loss(const Error& error) {
  return error.retry == Retry::reconnect;
}

}  // namespace tidemark::mysql
