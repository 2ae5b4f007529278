// reads: the first two steps of a run alone, by the program's own source and stage.
//
//   reads columns TABLE                 reads into the engine's vectors and throws them away
//   reads columns TABLE --keep FILE     keeps them in the table `rows` of a DuckDB file, to check
//   reads stage TABLE FOLDER            writes a sealed, synced stage into the folder
//
// A run does both and more: what its other steps cost is the difference. From the server that
// libpq's variables (PGHOST, ...) name, by two sessions under one snapshot as a full load reads it,
// with the limits that a project has if it says nothing of memory. Prints `N rows`, and fails where
// a value cannot be held: rows that are refused would be read faster.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "connectors/postgres/source.h"
#include "drivers/duckdb/batch.h"
#include "drivers/duckdb/engine.h"
#include "env/files.h"
#include "run/split_reads.h"
#include "spec/project_spec.h"
#include "stage/stage_writer.h"

namespace tidemark {
namespace {

std::string variable(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

postgres::ConnectOptions options() {
  postgres::ConnectOptions options;
  options.conninfo =
      "host=" + variable("PGHOST", "127.0.0.1") + " port=" + variable("PGPORT", "5432") +
      " user=" + variable("PGUSER", "postgres") + " dbname=" + variable("PGDATABASE", "postgres");
  options.password = Secret(variable("PGPASSWORD", ""));
  options.application_name = "tidemark reads";
  return options;
}

// Takes the rows of each split as far as the engine's vectors, or into a table.
class ColumnSplits final : public SplitUse {
 public:
  ColumnSplits(std::vector<Split> splits, const Schema& schema, bool keeps)
      : splits_(std::move(splits)), schema_(schema), keeps_(keeps), done_(splits_.size(), false) {}
  const std::vector<Split>& splits() const override { return splits_; }
  std::vector<SplitLeft> left() const override {
    const std::lock_guard lock(mutex_);
    std::vector<SplitLeft> left;
    for (std::size_t number = 0; number < splits_.size(); ++number)
      if (!done_[number]) left.push_back({number, std::nullopt});
    return left;
  }

  Status take(duck::Connection& engine, std::size_t number, Extraction& extraction,
              Cancel& cancel) override {
    Reader& reader = *std::get<std::unique_ptr<Reader>>(extraction);
    std::optional<Error> refused;
    const auto refuse = [&](const RejectedRow& row) {
      refused = internal_error("reads.refused", row.column + ": " + row.reason);
    };
    auto taken = keeps_ ? keep(engine, reader, refuse, cancel) : drop(reader, refuse, cancel);
    if (refused) return *std::move(refused);
    TM_TRY(const std::int64_t rows, std::move(taken));
    const std::lock_guard lock(mutex_);
    done_[number] = true;
    rows_ += rows;
    return {};
  }
  std::int64_t rows() const { return rows_; }

 private:
  using Refuse = std::function<void(const RejectedRow&)>;

  // As a stage takes them.
  Result<std::int64_t> drop(Reader& reader, const Refuse& refuse, Cancel& cancel) {
    duck::Batch batch(schema_, refuse);
    std::int64_t rows = 0;
    while (true) {
      TM_TRY(const std::size_t given, reader.next(batch.clear(), cancel));
      if (given == 0) return rows;
      rows += static_cast<std::int64_t>(given);
    }
  }

  Result<std::int64_t> keep(duck::Connection& engine, Reader& reader, const Refuse& refuse,
                            Cancel& cancel) {
    TM_TRY(const std::string from,
           engine.register_feed(
               schema_, [&](BatchWriter& writer) { return reader.next(writer, cancel); }, refuse));
    auto kept = engine.query_waiting("INSERT INTO kept.rows SELECT * FROM " + from);
    engine.release_feed(from);
    TM_TRY(const duck::Answer answer, std::move(kept));
    return answer.changed();
  }

  std::vector<Split> splits_;
  const Schema& schema_;
  bool keeps_;
  mutable std::mutex mutex_;
  std::vector<bool> done_;
  std::int64_t rows_ = 0;
};

// What both commands read from, and with.
struct Reading {
  std::unique_ptr<postgres::PostgresSource> source;
  std::unique_ptr<duck::Engine> engine;
  std::unique_ptr<duck::Connection> connection;
  Schema schema;
  Window window;
  std::vector<Split> splits;
};

Result<Reading> begin(const std::string& table, Cancel& cancel) {
  Reading reading;
  SourceSpec spec;
  spec.input = TableInput{{"public." + table, {}}};
  reading.source = std::make_unique<postgres::PostgresSource>(options(), spec, LoadStrategy::full);
  duck::EngineOptions limits;
  limits.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  limits.memory_bytes_max = 600'000'000;  // of a project's memory of 1 GB
  TM_TRY(reading.engine, duck::Engine::open(limits));
  TM_TRY(reading.connection, reading.engine->connect());
  TM_TRY(reading.schema, reading.source->discover(cancel));
  TM_TRY(const WindowBound bound, reading.source->upper({}, cancel));
  reading.window = bound.window;
  TM_TRY(reading.splits, reading.source->split(bound.window, cancel));
  return reading;
}

Status read_all(Reading& reading, SplitUse& use, Cancel& cancel) {
  const auto read_again = [](const Error& error) {
    std::fprintf(stderr, "read again: %s\n", error.describe().c_str());
  };
  SplitReads reads(*reading.source, use, *reading.engine, read_again, cancel);
  TM_CHECK(reads.read(*reading.connection));
  return reading.source->verify(reading.window, cancel);
}

Result<std::int64_t> read_columns(const std::string& table, const std::string& file,
                                  Cancel& cancel) {
  TM_TRY(Reading reading, begin(table, cancel));
  if (!file.empty()) {
    TM_CHECK(reading.connection->execute("ATTACH " + duck::quote_text(file) + " AS kept"));
    TM_TRY(const std::string none,
           reading.connection->register_feed(
               reading.schema, [](BatchWriter&) { return Result<std::size_t>(std::size_t{0}); },
               [](const RejectedRow&) {}));
    TM_CHECK(reading.connection->execute("CREATE TABLE kept.rows AS SELECT * FROM " + none));
    reading.connection->release_feed(none);
  }
  ColumnSplits use(reading.splits, reading.schema, !file.empty());
  TM_CHECK(read_all(reading, use, cancel));
  if (!file.empty()) TM_CHECK(reading.engine->close_files());
  return use.rows();
}

Result<std::int64_t> read_stage(const std::string& table, const std::string& folder,
                                Cancel& cancel) {
  TM_TRY(Reading reading, begin(table, cancel));
  SystemFiles files;
  StageOptions options;
  options.root = folder;
  const StageKey key{{JobName("reads"), StreamName(table)}, Seq(1), Fence(1), RunId("reads")};
  TM_TRY(const auto writer,
         StageWriter::create(options, key, reading.schema, reading.splits, files, cancel));
  StagedSplits use(*writer, [](std::int64_t, std::int64_t) {});
  TM_CHECK(read_all(reading, use, cancel));
  TM_TRY(const Stage stage, writer->seal(reading.window));
  if (writer->rows_rejected() > 0) return internal_error("reads.refused", "rows were refused");
  return stage.manifest().rows_staged;
}

}  // namespace
}  // namespace tidemark

int main(int count, char** arguments) {
  using namespace tidemark;
  const std::vector<std::string> words(arguments + 1, arguments + count);
  Cancel cancel;
  std::optional<Result<std::int64_t>> rows;
  if (words.size() == 2 && words[0] == "columns")
    rows = read_columns(words[1], {}, cancel);
  else if (words.size() == 4 && words[0] == "columns" && words[2] == "--keep")
    rows = read_columns(words[1], words[3], cancel);
  else if (words.size() == 3 && words[0] == "stage")
    rows = read_stage(words[1], words[2], cancel);
  if (!rows) {
    std::fprintf(stderr, "usage: reads columns TABLE [--keep FILE] | reads stage TABLE FOLDER\n");
    return 2;
  }
  if (!rows->ok()) {
    std::fprintf(stderr, "reads: %s\n", rows->error().describe().c_str());
    return 1;
  }
  std::printf("%lld rows\n", static_cast<long long>(**rows));
  std::fflush(stdout);
  // As the program does: freeing what the engine holds is left to the system.
  std::_Exit(0);
}
