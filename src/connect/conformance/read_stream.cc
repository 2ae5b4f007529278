#include "connect/conformance/read_stream.h"

#include <memory>
#include <utility>
#include <variant>

namespace tidemark::conformance {
namespace {

Status read_split(Extraction& extraction, duck::Connection& engine, StreamRead& read,
                  Cancel& cancel) {
  const auto keep = [&](const std::string& from) -> Status {
    TM_TRY(std::vector<std::string> rows, print_rows(engine, from));
    read.rows.insert(read.rows.end(), rows.begin(), rows.end());
    return {};
  };
  if (const auto* scan = std::get_if<EngineScan>(&extraction)) {
    for (const std::string& sql : scan->setup)
      TM_CHECK(engine.execute(sql));
    TM_CHECK(keep("(" + scan->rows + ")"));
    for (const std::string& sql : scan->teardown)
      TM_CHECK(engine.execute(sql));
    return {};
  }
  auto& reader = std::get<std::unique_ptr<Reader>>(extraction);
  TM_TRY(
      const std::string from,
      engine.register_feed(
          read.schema, [&](BatchWriter& writer) { return reader->next(writer, cancel); },
          [&](const RejectedRow& row) { read.refused.push_back(row.column + ": " + row.reason); }));
  Status kept = keep(from);
  engine.release_feed(from);
  return kept;
}

}  // namespace

Result<std::vector<std::string>> print_rows(duck::Connection& engine, const std::string& from) {
  TM_TRY(const duck::Answer answer, engine.query("SELECT * FROM " + from));
  std::vector<std::string> rows;
  for (std::size_t row = 0; row < answer.rows(); ++row) {
    std::string line;
    for (std::size_t at = 0; at < answer.schema().columns.size(); ++at)
      line += (at == 0 ? "" : "|") + answer.text(row, at).value_or("NULL");
    rows.push_back(std::move(line));
  }
  return rows;
}

Result<StreamRead> read_stream(Source& source, duck::Connection& engine, const Progress& progress,
                               Cancel& cancel) {
  StreamRead read;
  TM_TRY(read.schema, source.discover(cancel));
  TM_TRY(read.bound, source.upper(progress, cancel));
  if (read.bound.nothing_new) return read;
  TM_TRY(const std::vector<Split> splits, source.split(read.bound.window, cancel));
  for (const Split& split : splits) {
    TM_TRY(Extraction extraction, source.open(split, cancel));
    TM_CHECK(read_split(extraction, engine, read, cancel));
  }
  TM_CHECK(source.verify(read.bound.window, cancel));
  return read;
}

}  // namespace tidemark::conformance
