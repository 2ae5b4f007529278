#include "drivers/sqlite/failure.h"

#include <sqlite3.h>

#include <cerrno>
#include <string>
#include <utility>

#include "env/files.h"

namespace tidemark::sqlite {
namespace {

struct Class {
  const char* what;
  Retry retry;
  std::string hint;
};

Class class_of(int code, int system_error, const OpenOptions& options) {
  // A full disk also shows as an I/O error, e.g. when the shared-memory file cannot grow.
  bool is_io = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
  if ((code & 0xff) == SQLITE_FULL || (is_io && is_disk_full(system_error))) {
    return {"disk_full", Retry::backoff, "free space on " + describe_volume(options.path)};
  }
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {"busy", Retry::backoff,
              "another process holds a lock on " + options.path + "; end it or wait"};
    case SQLITE_CORRUPT:
      return {"corrupt", Retry::never,
              "keep " + options.path +
                  " and its -wal file as they are, and restore a backup beside them"};
    case SQLITE_NOTADB:
      return {"not_a_database", Retry::never,
              options.path + " is not an SQLite file, or it is encrypted"};
    case SQLITE_READONLY:
      return {"read_only", Retry::never,
              "make " + options.path + " and its folder writable for this user"};
    case SQLITE_CANTOPEN:
      return {"cannot_open", Retry::never,
              "check that " + options.path + " exists and this user may open it"};
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return {"no_permission", Retry::never, "give this user the right to open " + options.path};
    case SQLITE_IOERR:
      if (system_error == EFBIG)
        return {"file_too_large", Retry::never, "raise the file size limit (ulimit -f)"};
      return {"io_failed", Retry::never, "check the disk under " + options.path};
    case SQLITE_INTERRUPT:
      return {"interrupted", Retry::never, ""};
    case SQLITE_CONSTRAINT:
      return {"constraint", Retry::never, ""};
    case SQLITE_NOMEM:
      return {"no_memory", Retry::backoff, ""};
    case SQLITE_TOOBIG:
      return {"too_large", Retry::never, "SQLite holds values up to 1,000,000,000 bytes"};
    case SQLITE_SCHEMA:
      return {"schema_changed", Retry::backoff, ""};
    default:
      return {"sql_failed", Retry::never, ""};
  }
}

}  // namespace

Error classify(int extended_code, int system_error, std::string_view text, std::string_view action,
               const OpenOptions& options) {
  Class found = class_of(extended_code, system_error, options);
  std::string message =
      "cannot " + std::string(action) + " " + options.path + ": " + std::string(text);
  message += " (SQLite " + std::to_string(extended_code);
  if (system_error != 0) message += ", errno " + std::to_string(system_error);
  message += ")";
  return Error{options.area + "." + found.what,
               options.fault,
               found.retry,
               std::move(message),
               {},
               std::move(found.hint)};
}

}  // namespace tidemark::sqlite
