#include "drivers/duckdb/errors.h"

#include <string>
#include <string_view>

namespace tidemark::duck {

namespace {

struct Class {
  const char* code;
  Fault fault;
  Retry retry;
  const char* hint;
};

Class classify(duckdb_error_type type) {
  switch (type) {
    case DUCKDB_ERROR_OUT_OF_RANGE:
      return {"engine.out_of_range", Fault::user, Retry::never, ""};
    case DUCKDB_ERROR_CONVERSION:
    case DUCKDB_ERROR_MISMATCH_TYPE:
    case DUCKDB_ERROR_DECIMAL:
      return {"engine.conversion", Fault::user, Retry::never, ""};
    case DUCKDB_ERROR_PARSER:
    case DUCKDB_ERROR_SYNTAX:
      return {"engine.syntax", Fault::user, Retry::never, ""};
    case DUCKDB_ERROR_BINDER:
      return {"engine.binder", Fault::user, Retry::never, ""};
    case DUCKDB_ERROR_CATALOG:
      return {"engine.catalog", Fault::user, Retry::never, ""};
    case DUCKDB_ERROR_INVALID_INPUT:
      return {"engine.invalid_input", Fault::user, Retry::never, ""};
    case DUCKDB_ERROR_DIVIDE_BY_ZERO:
      return {"engine.divide_by_zero", Fault::user, Retry::never, ""};
    case DUCKDB_ERROR_NOT_IMPLEMENTED:
      return {"engine.not_implemented", Fault::user, Retry::never, ""};
    case DUCKDB_ERROR_CONSTRAINT:
      return {"engine.constraint", Fault::target, Retry::never, ""};
    case DUCKDB_ERROR_TRANSACTION:
      return {"engine.transaction", Fault::target, Retry::backoff, ""};
    case DUCKDB_ERROR_PERMISSION:
      return {"engine.permission", Fault::user, Retry::never, ""};
    case DUCKDB_ERROR_IO:
      return {"engine.io", Fault::internal, Retry::backoff,
              "check that the file or folder exists, may be read and written, and that its disk "
              "has room"};
    case DUCKDB_ERROR_OUT_OF_MEMORY:
      return {"engine.out_of_memory", Fault::internal, Retry::never,
              "raise `memory:` in tidemark.yaml, or free space where the stage spills"};
    case DUCKDB_ERROR_INTERRUPT:
      return {"run.cancelled", Fault::user, Retry::never, ""};
    case DUCKDB_ERROR_FATAL:
      return {"engine.fatal", Fault::internal, Retry::never, "the engine must be opened again"};
    default:
      return {"engine.error", Fault::internal, Retry::never, ""};
  }
}

struct Beginning {
  std::string_view words;
  duckdb_error_type type;
};

constexpr Beginning beginnings[] = {
    {"Out of Range Error", DUCKDB_ERROR_OUT_OF_RANGE},
    {"Conversion Error", DUCKDB_ERROR_CONVERSION},
    {"Mismatch Type Error", DUCKDB_ERROR_MISMATCH_TYPE},
    {"Decimal Error", DUCKDB_ERROR_DECIMAL},
    {"Parser Error", DUCKDB_ERROR_PARSER},
    {"Syntax Error", DUCKDB_ERROR_SYNTAX},
    {"Binder Error", DUCKDB_ERROR_BINDER},
    {"Catalog Error", DUCKDB_ERROR_CATALOG},
    {"Invalid Input Error", DUCKDB_ERROR_INVALID_INPUT},
    {"Divide by Zero Error", DUCKDB_ERROR_DIVIDE_BY_ZERO},
    {"Not implemented Error", DUCKDB_ERROR_NOT_IMPLEMENTED},
    {"Constraint Error", DUCKDB_ERROR_CONSTRAINT},
    {"TransactionContext Error", DUCKDB_ERROR_TRANSACTION},
    {"Permission Error", DUCKDB_ERROR_PERMISSION},
    {"IO Error", DUCKDB_ERROR_IO},
    {"Out of Memory Error", DUCKDB_ERROR_OUT_OF_MEMORY},
    {"INTERRUPT Error", DUCKDB_ERROR_INTERRUPT},
    {"FATAL Error", DUCKDB_ERROR_FATAL},
};

}  // namespace

duckdb_error_type error_type_of(const char* message) {
  const std::string_view text = message == nullptr ? "" : message;
  for (const Beginning& beginning : beginnings) {
    if (text.starts_with(beginning.words)) return beginning.type;
  }
  return DUCKDB_ERROR_EXECUTOR;
}

Error engine_error(duckdb_error_type type, const char* message) {
  const Class known = classify(type);
  std::string text = message == nullptr ? "the engine gave no message" : message;
  if (type == DUCKDB_ERROR_INTERRUPT) text = "the run was cancelled";
  // The engine's advice names settings that a project does not have; the hint says what it has.
  text = text.substr(0, text.find("\n\nPossible solutions:"));
  return Error{known.code, known.fault, known.retry, std::move(text), {}, known.hint};
}

}  // namespace tidemark::duck
