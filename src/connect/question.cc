#include "connect/question.h"

#include <utility>

namespace tidemark {
namespace {

// Until what was told to stop has stopped.
constexpr std::chrono::seconds patience{5};

// What a cell takes in an answer beside its text, also where it is NULL.
constexpr std::int64_t cell_bytes = 64;

using Cells = std::vector<std::optional<std::string>>;

std::int64_t bytes_of(const BatchReader& batch, std::size_t row, std::size_t columns) {
  std::int64_t bytes = 0;
  for (std::size_t at = 0; at < columns; ++at) {
    bytes += cell_bytes;
    if (batch.column(at).valid(row))
      bytes += static_cast<std::int64_t>(batch.column(at).bytes(row).size());
  }
  return bytes;
}

Cells cells_of(const BatchReader& batch, std::size_t row, std::size_t columns) {
  Cells cells(columns);
  for (std::size_t at = 0; at < columns; ++at) {
    if (batch.column(at).valid(row)) cells[at] = batch.column(at).bytes(row);
  }
  return cells;
}

}  // namespace

std::chrono::milliseconds time_at_source(const Question& question) {
  return question.time_max + patience;
}

Result<BoundedAnswer> read_bounded(const std::string& select, const Schema& schema,
                                   const Question& question, duck::Connection& engine,
                                   Cancel& stop) {
  BoundedAnswer answer{schema, {}, false};
  const std::size_t columns = schema.columns.size();
  // By their places, since two may have one name.
  std::string texts;
  for (std::size_t at = 1; at <= columns; ++at)
    texts += (at == 1 ? "CAST(#" : ", CAST(#") + std::to_string(at) + " AS VARCHAR)";
  std::int64_t bytes = 0;
  const auto take = [&](const BatchReader& batch) -> Status {
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      bytes += bytes_of(batch, row, columns);
      if (std::ssize(answer.rows) == question.rows_max || bytes > question.bytes_max) {
        answer.is_cut = true;
        stop.request();
        return stop.check();
      }
      answer.rows.push_back(cells_of(batch, row, columns));
    }
    return {};
  };
  Status read = engine.stream("SELECT " + texts + " FROM (" + select + "\n)", take, stop);
  if (!read.ok() && !answer.is_cut) return std::move(read).error();
  return answer;
}

}  // namespace tidemark
