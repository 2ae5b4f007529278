#include "stage/stage_writer.h"

#include <set>
#include <system_error>
#include <utility>

#include "drivers/parquet/parquet_file.h"
#include "stage/exact_types.h"
#include "stage/partial_stage.h"
#include "stage/split_writer.h"

namespace tidemark {

namespace {

std::string lower_ascii(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

Status check_schema(const Schema& schema) {
  if (schema.columns.empty()) return user_error("stage.bad_schema", "the source has no columns");
  std::set<std::string> names;
  for (const Column& column : schema.columns) {
    const std::string name = lower_ascii(column.name);
    if (name.empty() || name.find('\0') != std::string::npos) {
      return user_error("stage.bad_schema", "the source has a column without a usable name",
                        "give every column a name in the job's query or in the file's header");
    }
    if (name == stage_segment_column || name == stage_row_column) {
      return user_error("stage.bad_schema", "`" + column.name + "` is a name Tidemark uses itself",
                        "rename the column in the job's query");
    }
    if (!names.insert(name).second) {
      return user_error("stage.bad_schema",
                        "two columns are called `" + column.name + "` (case does not count)",
                        "rename one of them in the job's query or in the file's header");
    }
    if (Status storable = check_storable(column.type); !storable.ok()) {
      return std::move(storable).error().with_context("column " + column.name);
    }
  }
  return {};
}

std::vector<SplitLeft> all_of(const std::vector<Split>& splits) {
  std::vector<SplitLeft> left;
  for (std::size_t number = 0; number < splits.size(); ++number)
    left.push_back({number, std::nullopt});
  return left;
}

// Two owners have one token only after the store was set back to before the first of them. Then the
// folder may be a living one's, and what both wrote into it would be neither's window.
Error begun_already(const std::filesystem::path& partial) {
  return internal_error("stage.exists",
                        "the stage " + partial.string() +
                            " was begun by another run under the same fence; the store was set "
                            "back, it seems",
                        Retry::backoff, "run the job again: the next run takes a larger fence");
}

}  // namespace

bool is_sent_ahead(const Schema& schema) {
  return parquet::ParquetFile::holds(schema);
}

StageWriter::StageWriter(std::unique_ptr<PartialStage> partial) : partial_(std::move(partial)) {}

Result<std::unique_ptr<StageWriter>> StageWriter::create(const StageOptions& options,
                                                         const StageKey& key, const Schema& schema,
                                                         std::vector<Split> splits, Files& files,
                                                         Cancel& cancel) {
  TM_CHECK(check_schema(schema));
  const std::filesystem::path final = stage_dir(options.root, key);
  std::filesystem::path partial = final;
  partial += ".partial";
  std::error_code code;
  if (std::filesystem::exists(final, code)) {
    return internal_error("stage.exists", "the stage " + final.string() + " is sealed already",
                          Retry::never,
                          "load it instead of reading the source again, or take a new fence");
  }
  if (std::filesystem::exists(partial, code)) return begun_already(partial);
  TM_CHECK(files.make_dirs_durably(partial.parent_path()));
  StageJournal journal{options.read, std::move(splits), {}, {}};
  journal.left = all_of(journal.splits);
  bool taken_over = false;
  if (options.read.empty()) {
    TM_CHECK(remove_older_partials(options.root, key, files));
  } else {
    TM_TRY(std::optional<StageJournal> older,
           take_over_read(options.root, key, options.read, partial, files, cancel));
    taken_over = older.has_value();
    if (older) journal = std::move(*older);
  }
  journal.manifest.key = key;
  journal.manifest.schema = schema;
  journal.manifest.replaces = options.replaces;
  // Nobody needs the partial folder after a power cut, so its own entry is not synced.
  const bool made = !taken_over && std::filesystem::create_directory(partial, code);
  if (code) return file_error("create", partial, code.value());
  if (!made && !taken_over) return begun_already(partial);
  return std::unique_ptr<StageWriter>(new StageWriter(std::make_unique<PartialStage>(
      options, std::move(journal), std::move(partial), final, files)));
}

StageWriter::~StageWriter() {
  partial_->remove();
}

const std::vector<Split>& StageWriter::splits() const {
  return partial_->splits();
}
std::vector<SplitLeft> StageWriter::left() const {
  return partial_->left();
}

Status StageWriter::write(duck::Connection& engine, std::size_t number, Extraction& extraction,
                          Cancel& cancel, const StageProgress& progress) {
  return SplitWriter(*partial_, engine, number, progress).write(extraction, cancel);
}

Result<Stage> StageWriter::seal(const Window& window) {
  return partial_->seal(window);
}

void StageWriter::send_ahead(LoadAhead& ahead) {
  partial_->send_ahead(ahead);
}
bool StageWriter::is_ahead() const {
  return partial_->is_ahead();
}

std::int64_t StageWriter::rows_staged() const {
  return partial_->rows_staged();
}
std::int64_t StageWriter::rows_rejected() const {
  return partial_->rows_rejected();
}

}  // namespace tidemark
