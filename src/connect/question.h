// Question: what somebody asks of a connection who may look at it and no more, and how much of the
// answer is taken. Values; read_bounded() is a free function that blocks and uses the caller's
// connection to the engine.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "drivers/duckdb/engine.h"
#include "model/schema.h"

namespace tidemark {

struct ConnectionSpec;
struct ConnectorContext;
class Guard;

struct Question {
  std::string sql;  // one SELECT
  std::int64_t rows_max = 1'000;
  std::int64_t bytes_max = 4'000'000;  // of the values as texts
  std::chrono::seconds time_max{30};
};

inline constexpr std::int64_t question_rows_max = 10'000;
inline constexpr std::int64_t question_bytes_max = 16'000'000;
inline constexpr std::int64_t question_seconds_max = 60;

struct BoundedAnswer {
  Schema schema;
  // As texts of the engine; nothing for NULL. As many cells as there are columns.
  std::vector<std::vector<std::optional<std::string>>> rows;
  bool is_cut = false;  // there are more rows
};

// A Connector whose systems can be asked: as somebody may who looks at one connection and no more.
// Nothing is written, no other connection, file or network is reached, except by what the system's
// own rights allow, and no more is read than the limits say.
class Asked {
 public:
  virtual ~Asked() = default;
  // A requested Cancel ends the statement in the system too. `guard`: the connection's; those of
  // the context are not used. Blocking.
  virtual Result<BoundedAnswer> ask(const ConnectionSpec& connection, const Question& question,
                                    const ConnectorContext& context, Guard& guard,
                                    Cancel& cancel) const = 0;
};

// How long the source may work at it by its own clock: it is told to stop before that.
std::chrono::milliseconds time_at_source(const Question& question);

// The first rows that `select` gives in the engine, as many as the question's limits allow; no more
// is read then, and `stop` is requested, for what feeds the engine. `schema`: its columns.
Result<BoundedAnswer> read_bounded(const std::string& select, const Schema& schema,
                                   const Question& question, duck::Connection& engine,
                                   Cancel& stop);

}  // namespace tidemark
