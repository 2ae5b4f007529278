#include "connect/whole_read.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "connect/expression.h"

namespace tidemark {

namespace {

// A few rows of a batch: what is read ahead of a limit is small, however wide the rows are.
class FewRows : public BatchWriter {
 public:
  explicit FewRows(BatchWriter& batch) : batch_(batch) {}
  std::size_t capacity() const override { return std::min(batch_.capacity(), rows_max); }
  ColumnWriter& column(std::size_t index) override { return batch_.column(index); }
  void reject(const RejectedRow& row) override { batch_.reject(row); }

 private:
  static constexpr std::size_t rows_max = 64;
  BatchWriter& batch_;
};

// All rows of a source, split by split, for one scan of the engine. Outlives that scan.
class WholeFeed {
 public:
  WholeFeed(Source& source, std::string (*as_text)(const std::string& column))
      : source_(source), as_text_(as_text) {}

  // The schema, and where to read from until release().
  Result<Schema> start(Cancel& cancel) {
    TM_TRY(Schema schema, source_.discover(cancel));
    TM_TRY(splits_, source_.split(Window{}, cancel));
    return schema;
  }
  Result<std::size_t> next(BatchWriter& writer, Cancel& cancel) {
    while (true) {
      auto& reader = std::get<std::unique_ptr<Reader>>(extraction_);
      std::size_t rows = 0;
      if (reader) {
        TM_TRY(rows, reader->next(writer, cancel));
      }
      if (rows > 0 || opened_ == splits_.size()) return rows;
      // It gives back its session, and with it the snapshot that the next split is read in.
      reader.reset();
      TM_TRY(extraction_, source_.open(splits_[opened_++], cancel));
    }
  }
  void refuse(const RejectedRow& row) {
    if (refused_) return;
    refused_ = source_error(
        "source.value_not_held", "column `" + row.column + "`, " + row.locator + ": " + row.reason,
        Retry::never,
        "read the column as text: `" + as_text_(row.column) + "`, in the query or in a view");
  }
  const std::optional<Error>& refused() const { return refused_; }

 private:
  Source& source_;
  std::string (*as_text_)(const std::string& column);
  std::vector<Split> splits_;
  Extraction extraction_;
  std::size_t opened_ = 0;
  std::optional<Error> refused_;
};

}  // namespace

SourceSpec query_source(std::string sql) {
  SourceSpec spec;
  spec.input = QueryInput{SqlText{std::move(sql), {}, {}}};
  return spec;
}

Result<duck::Answer> read_whole(Source& source, const std::string& before,
                                std::string (*as_text)(const std::string& column),
                                duck::Connection& engine, Cancel& cancel) {
  WholeFeed feed(source, as_text);
  TM_TRY(const Schema schema, feed.start(cancel));
  TM_TRY(const std::string from,
         engine.register_feed(
             schema, [&](BatchWriter& writer) { return feed.next(writer, cancel); },
             [&](const RejectedRow& row) { feed.refuse(row); }));
  auto answer = engine.query(before + "SELECT * FROM " + from);
  engine.release_feed(from);
  if (feed.refused()) return *feed.refused();
  return answer;
}

Result<BoundedAnswer> read_some(Source& source, const Question& question,
                                std::string (*as_text)(const std::string& column),
                                duck::Connection& engine, Cancel& cancel) {
  Cancel stop(cancel);
  WholeFeed feed(source, as_text);
  TM_TRY(const Schema schema, feed.start(stop));
  const auto next = [&](BatchWriter& writer) {
    FewRows few(writer);
    return feed.next(few, stop);
  };
  TM_TRY(const std::string from,
         engine.register_feed(schema, next, [&](const RejectedRow& row) { feed.refuse(row); }));
  auto answer = read_bounded("SELECT * FROM " + from, schema, question, engine, stop);
  engine.release_feed(from);
  if (feed.refused()) return *feed.refused();
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
