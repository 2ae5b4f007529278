// ProjectSpec: what `tidemark.yaml` says, checked, every default filled in, secrets in hand.
//
// Made by spec/project_load.h; a plain value, copyable, read-only for everybody after. A
// connection's own settings are the connector's type: only that connector can look inside.
#pragma once

#include <any>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "observe/log.h"
#include "spec/alert_spec.h"
#include "spec/api_spec.h"
#include "spec/calendar.h"
#include "spec/location.h"
#include "spec/price_spec.h"
#include "spec/quiet_hours.h"
#include "spec/secrets_spec.h"
#include "spec/telemetry_spec.h"

namespace tidemark {

// The settings of one connection in the type its connector chose. Nobody else reads it.
class ConnectionConfig {
 public:
  ConnectionConfig() = default;
  template <class T>
  static ConnectionConfig of(T value) {
    ConnectionConfig config;
    config.value_ = std::move(value);
    return config;
  }
  // Nothing when the settings are those of another connector.
  template <class T>
  const T* get() const {
    return std::any_cast<T>(&value_);
  }

 private:
  std::any value_;
};

// What becomes of a run whose replica is not where the primary was in time.
enum class ReplicaLate { primary, fail };

// What protects the system behind a connection; shared by every job that reads from it.
struct GuardSpec {
  std::optional<std::int64_t> rows_per_second;
  std::optional<std::int64_t> bytes_per_second;
  std::optional<std::int64_t> connections;
  std::optional<std::string> replica;
  std::chrono::milliseconds replica_wait{30'000};
  ReplicaLate replica_late = ReplicaLate::fail;
  std::vector<QuietHours> quiet_hours;
  Located<std::string> timezone{"UTC", {}};
  std::optional<std::chrono::milliseconds> statement_timeout;
  std::chrono::milliseconds lock_timeout{30'000};
  std::chrono::milliseconds idle_in_transaction_timeout{3'600'000};
  std::int64_t scan_limit_bytes = 1'000'000'000;
  std::optional<std::chrono::milliseconds> slow_above;  // the answer to a small question
  std::optional<std::int64_t> lag_above;                // bytes a standby is behind
};

struct ConnectionSpec {
  Located<std::string> name;
  std::string connector;  // `postgres`, `duckdb`, ...
  // The main argument as written, references unresolved: safe to show and to store.
  std::string shown;
  ConnectionConfig config;
  GuardSpec guard;
};

// Where runs keep what they extracted, and for how long after it is loaded.
struct StageSpec {
  std::string path;                               // a folder, or `s3://bucket/prefix`
  std::optional<std::chrono::milliseconds> keep;  // nothing: forever
  bool shared = false;                            // every server of the project reaches it
};

// Where Tidemark's own database is.
struct StoreSpec {
  std::string place;  // `sqlite:PATH`, or how to connect to PostgreSQL, without a password
  Secret password;
  std::string schema;  // in PostgreSQL

  // The file of `sqlite:PATH`; nothing where it is in PostgreSQL.
  std::optional<std::string> sqlite_path() const;
};

// A Redis beside the store, for who looks on.
struct CacheSpec {
  std::string address;  // without a password
  Secret password;
};

// Jobs that share so many places: no more of them run at a time.
struct PoolSpec {
  Located<std::string> name;
  std::int64_t places = 0;
};

struct ProjectSpec {
  std::filesystem::path root;
  std::string file = "tidemark.yaml";
  StoreSpec store;
  std::optional<CacheSpec> cache;
  StageSpec stage;
  SecretsSpec secrets;
  std::optional<std::chrono::milliseconds> history;  // how long runs are kept; nothing: forever
  std::optional<std::chrono::milliseconds> audit;    // the same of the audit log
  std::chrono::milliseconds lease{};
  std::int64_t memory_bytes = 0;
  std::int64_t segment_bytes = 0;
  double shrink_limit = 0;
  std::int64_t workers = 0;  // runs at a time, of a service
  std::vector<PoolSpec> pools;
  std::vector<CalendarSpec> calendars;
  std::optional<ApiSpec> api;               // nothing: nobody listens
  std::optional<PriceSpec> prices;          // nothing: nobody asks what runs cost
  std::vector<ConnectionSpec> connections;  // in the order written
  AlertSpec alerts;
  LogSpec log;
  // A hash of all that tidemark.yaml says but `log`, which is taken up by itself.
  std::size_t settings = 0;
  std::optional<TelemetrySpec> telemetry;  // nothing: no traces are sent

  const ConnectionSpec* find_connection(std::string_view wanted) const;
};

}  // namespace tidemark
