#include "connect/whole_read.h"

#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "connect/expression.h"

namespace tidemark {

Result<duck::Answer> read_whole(Source& source, const std::string& before,
                                std::string (*as_text)(const std::string& column),
                                duck::Connection& engine, Cancel& cancel) {
  TM_TRY(const Schema schema, source.discover(cancel));
  TM_TRY(const std::vector<Split> splits, source.split(Window{}, cancel));
  std::optional<Error> refused;
  const auto refuse = [&](const RejectedRow& row) {
    if (refused) return;
    refused = source_error(
        "source.value_not_held", "column `" + row.column + "`, " + row.locator + ": " + row.reason,
        Retry::never,
        "read the column as text: `" + as_text(row.column) + "`, in the query or in a view");
  };
  Extraction extraction;
  std::size_t opened = 0;
  const auto next = [&](BatchWriter& writer) -> Result<std::size_t> {
    while (true) {
      auto& reader = std::get<std::unique_ptr<Reader>>(extraction);
      std::size_t rows = 0;
      if (reader) {
        TM_TRY(rows, reader->next(writer, cancel));
      }
      if (rows > 0 || opened == splits.size()) return rows;
      // It gives back its session, and with it the snapshot that the next split is read in.
      reader.reset();
      TM_TRY(extraction, source.open(splits[opened++], cancel));
    }
  };
  TM_TRY(const std::string from, engine.register_feed(schema, next, refuse));
  auto answer = engine.query(before + "SELECT * FROM " + from);
  engine.release_feed(from);
  if (refused) return *std::move(refused);
  return answer;
}

Status copy_whole(Source& source, CopyDepth depth, const EngineTable& to,
                  std::string (*as_text)(const std::string& column), duck::Connection& engine,
                  Cancel& cancel) {
  std::vector<std::string> path{to.database};
  if (!to.schema.empty()) {
    path.push_back(to.schema);
    TM_CHECK(engine.execute("CREATE SCHEMA IF NOT EXISTS " + duck::quote_path(path)));
  } else {
    path.emplace_back("main");
  }
  path.push_back(to.table);
  const std::string create = "CREATE OR REPLACE TABLE " + duck::quote_path(path) + " AS ";
  if (depth == CopyDepth::columns) {
    TM_TRY(const Schema schema, source.discover(cancel));
    return engine.execute(create + "SELECT * FROM " + no_rows(schema));
  }
  TM_TRY([[maybe_unused]] const duck::Answer made,
         read_whole(source, create, as_text, engine, cancel));
  return {};
}

}  // namespace tidemark
