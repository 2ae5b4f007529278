// AnswerTable: what requests over HTTP with a key of the client's were answered, so that one that
// is said again is not done again, whatever became of the process: etl_api_answers.
//
// The database outlives it. Every method is safe from any thread and blocks on the database.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "env/clock.h"
#include "store/sql_session.h"

namespace tidemark {

// Of one client: its token, and the key of its choice.
struct AnswerKey {
  std::string token;
  std::string key;
  friend auto operator<=>(const AnswerKey&, const AnswerKey&) = default;
};

struct StoredAnswer {
  int status = 0;
  std::string location;  // empty: none
  std::string body;
};

struct AskedRequest {
  std::string digest;  // of what is asked
  std::string id;      // of what it begins or makes
  std::string owner;   // the process that does it
  UtcMicros begun_at{};
  std::optional<StoredAnswer> answer;  // nothing: it was not answered yet
};

// A request as it stands in the store.
struct BegunRequest {
  AskedRequest request;
  bool is_new = false;         // it stands there since now
  bool owner_is_gone = false;  // certainly
  bool is_old = false;         // nobody who lives still does it
};

class AnswerTable {
 public:
  static constexpr std::chrono::hours kept_for{24};
  static constexpr std::int64_t kept_max = 10'000;  // of a token; those not answered yet beside it
  // A request is answered within this time, or its process is gone or stuck.
  static constexpr std::chrono::minutes answered_within{5};

  explicit AnswerTable(SqlDatabase& database, std::int64_t keep = kept_max)
      : database_(database), keep_(keep) {}

  // What stands there under the key: `asked` where nothing did. Durable when this returns.
  Result<BegunRequest> begin(const AnswerKey& key, const AskedRequest& asked);
  // It is done by `owner` from now on, as if it were begun now. False, and nothing is changed,
  // where it is not `before`'s any more.
  Result<bool> take_over(const AnswerKey& key, const std::string& before, const std::string& owner);
  Status keep(const AnswerKey& key, const StoredAnswer& answer);
  // It may be said again, and is done then.
  Status forget(const AnswerKey& key);

 private:
  Status run(const std::string& sql, const AnswerKey& key, const std::vector<std::string>& values);

  SqlDatabase& database_;
  std::int64_t keep_;
};

}  // namespace tidemark
