#include "drivers/duckdb/engine.h"

#include <string>
#include <utility>

#include "drivers/duckdb/errors.h"
#include "drivers/duckdb/state.h"

namespace tidemark::duck {

namespace {

Status set_option(duckdb_config config, const char* name, const std::string& value) {
  if (duckdb_set_config(config, name, value.c_str()) != DuckDBSuccess) {
    return internal_error("engine.config",
                          std::string("the engine refused the setting ") + name + " = " + value);
  }
  return {};
}

Status set_options(duckdb_config config, const EngineOptions& options) {
  TM_CHECK(set_option(config, "threads", std::to_string(options.threads)));
  TM_CHECK(set_option(config, "memory_limit", std::to_string(options.memory_bytes_max) + "B"));
  if (!options.spill_dir.empty()) TM_CHECK(set_option(config, "temp_directory", options.spill_dir));
  // With order preserved a scan of ours runs on one thread; nothing here relies on it.
  TM_CHECK(set_option(config, "preserve_insertion_order", "false"));
  // Extensions come from our own pins or not at all; secrets never reach the user's home.
  TM_CHECK(set_option(config, "autoinstall_known_extensions", "false"));
  TM_CHECK(set_option(config, "autoload_known_extensions", "false"));
  TM_CHECK(set_option(config, "allow_community_extensions", "false"));
  TM_CHECK(set_option(config, "allow_persistent_secrets", "false"));
  return {};
}

}  // namespace

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() {
  impl_->idle->end();
}

Result<std::unique_ptr<Engine>> Engine::open(const EngineOptions& options) {
  ConfigHandle config;
  if (duckdb_create_config(config.fill()) != DuckDBSuccess) {
    return internal_error("engine.config", "the engine could not be configured");
  }
  TM_CHECK(set_options(config.get(), options));
  auto impl = std::make_unique<Impl>();
  char* problem = nullptr;
  const char* path = options.database_path.empty() ? nullptr : options.database_path.c_str();
  if (duckdb_open_ext(path, impl->database.fill(), config.get(), &problem) != DuckDBSuccess) {
    Error error = engine_error(DUCKDB_ERROR_IO, problem);
    duckdb_free(problem);
    return error;
  }
  ConnectionHandle connection;
  if (duckdb_connect(impl->database.get(), connection.fill()) != DuckDBSuccess) {
    return internal_error("engine.connect", "the engine gave no connection");
  }
  TM_CHECK(FeedRegistry::install(connection.get(), impl->feeds));
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

Result<std::unique_ptr<Connection>> Engine::connect() {
  auto impl = std::make_unique<Connection::Impl>(impl_->feeds, impl_->idle);
  if (auto idle = impl_->idle->take()) {
    impl->session = *std::move(idle);
    return std::unique_ptr<Connection>(new Connection(std::move(impl)));
  }
  if (duckdb_connect(impl_->database.get(), impl->session.connection.fill()) != DuckDBSuccess) {
    return internal_error("engine.connect", "the engine gave no connection");
  }
  std::unique_ptr<Connection> connection(new Connection(std::move(impl)));
  // Zones are always said; a session's own zone must never decide what a value means.
  TM_CHECK(connection->execute("SET TimeZone = 'UTC'"));
  connection->impl_->is_as_new = true;
  return connection;
}

Status Engine::limit(const EngineOptions& options) {
  TM_TRY(std::unique_ptr<Connection> connection, connect());
  TM_CHECK(connection->execute("SET GLOBAL memory_limit = '" +
                               std::to_string(options.memory_bytes_max) + "B'"));
  return connection->execute("SET GLOBAL temp_directory = " + quote_text(options.spill_dir));
}

Status Engine::close_files() {
  impl_->idle->end();
  TM_TRY(std::unique_ptr<Connection> connection, connect());
  TM_TRY(Answer files, connection->query("SELECT database_name FROM duckdb_databases() WHERE NOT "
                                         "internal AND path IS NOT NULL"));
  for (std::size_t row = 0; row < files.rows(); ++row)
    TM_CHECK(connection->execute("DETACH " + quote_name(files.text(row, 0).value_or(""))));
  return {};
}

std::string Engine::version() {
  return duckdb_library_version();
}

}  // namespace tidemark::duck
