#include "stage/partial_stage.h"

#include <cstdio>
#include <system_error>
#include <utility>

#include "base/assert.h"
#include "drivers/hash/hash.h"

namespace tidemark {
namespace {

std::string numbered(const char* prefix, std::size_t number) {
  char name[64];
  std::snprintf(name, sizeof name, "%s-%06zu.parquet", prefix, number);
  return name;
}

}  // namespace

PartialStage::PartialStage(StageOptions options, StageJournal journal,
                           std::filesystem::path partial, std::filesystem::path final, Files& files)
    : options_(std::move(options)),
      files_(files),
      partial_(std::move(partial)),
      final_(std::move(final)),
      journal_(std::move(journal)) {
  shown_rows_ = journal_.manifest.rows_staged + journal_.manifest.rows_rejected;
}

std::string PartialStage::new_file() {
  const std::lock_guard lock(mutex_);
  return "writing-" + std::to_string(++last_file_) + ".parquet";
}

Result<Segment> PartialStage::finish_file(const std::string& file, std::int64_t rows) const {
  if (rows == 0) {
    remove_file(file);
    return Segment{};
  }
  if (is_noted()) TM_CHECK(files_.sync_file(partial_ / file));
  Cancel never;
  TM_TRY(FileHash hash, hash_file(partial_ / file, HashDepth::xxh3_and_sha256, never));
  return Segment{file, rows, hash.bytes, std::move(hash.xxh3), std::move(hash.sha256)};
}

void PartialStage::remove_file(const std::string& file) const {
  std::error_code ignored;  // A file that stays is not named, and goes with the folder.
  std::filesystem::remove(partial_ / file, ignored);
}

Status PartialStage::add(std::vector<Segment>& into, const char* prefix, Segment segment) {
  if (segment.rows == 0) return {};
  const std::string name = numbered(prefix, into.size() + 1);
  std::error_code code;
  std::filesystem::rename(partial_ / segment.file, partial_ / name, code);
  if (code) return file_error("rename", partial_ / segment.file, code.value());
  segment.file = name;
  into.push_back(std::move(segment));
  return {};
}

Status PartialStage::take(std::vector<StagePiece> pieces, std::size_t number,
                          const std::optional<Position>& place, bool whole) {
  const std::lock_guard lock(mutex_);
  Manifest& manifest = journal_.manifest;
  for (StagePiece& piece : pieces) {
    manifest.rows_staged += piece.rows.rows;
    manifest.rows_rejected += piece.rejects.rows;
    TM_CHECK(add(manifest.segments, "segment", std::move(piece.rows)));
    TM_CHECK(add(manifest.rejects, "rejects", std::move(piece.rejects)));
  }
  manifest.rows_read = manifest.rows_staged + manifest.rows_rejected;
  std::erase_if(journal_.left,
                [&](const SplitLeft& left) { return whole && left.number == number; });
  for (SplitLeft& left : journal_.left) {
    if (left.number == number) left.place = place;
  }
  return is_noted() ? write_journal(partial_, journal_, files_) : Status();
}

void PartialStage::note_ahead(const Segment& segment) {
  const std::lock_guard lock(mutex_);
  if (segment.rows > 0) sent_ahead_.insert(segment.sha256);
}

bool PartialStage::is_ahead() const {
  const std::lock_guard lock(mutex_);
  if (ahead_ == nullptr) return false;
  std::multiset<std::string> staged;
  for (const Segment& segment : journal_.manifest.segments)
    staged.insert(segment.sha256);
  return staged == sent_ahead_ && ahead_->rows().has_value();
}

void PartialStage::show(std::int64_t rows, std::int64_t bytes, const StageProgress& progress) {
  const std::lock_guard lock(shown_mutex_);
  shown_rows_ += rows;
  shown_bytes_ += bytes;
  if (progress) progress(shown_rows_, shown_bytes_);
}

Status PartialStage::seal_files(const Window& window) {
  Manifest& manifest = journal_.manifest;
  manifest.window = window;
  TM_ASSERT(manifest.rows_read == manifest.rows_staged + manifest.rows_rejected);
  for (const std::vector<Segment>* list : {&manifest.segments, &manifest.rejects}) {
    if (is_noted()) break;
    for (const Segment& segment : *list)
      TM_CHECK(files_.sync_file(partial_ / segment.file));
  }
  // This syncs the folder too, and with it the names of the segments.
  TM_CHECK(files_.write_durably(partial_ / manifest_name, to_json_text(manifest)));
  // Not before: until the manifest is there, the journal is what a read can go on from.
  TM_CHECK(remove_journal(partial_));
  return files_.rename_durably(partial_, final_);
}

Result<Stage> PartialStage::seal(const Window& window) {
  const std::lock_guard lock(mutex_);
  TM_ASSERT(!sealed_ && journal_.left.empty());
  TM_CHECK(seal_files(window));
  sealed_ = true;
  return Stage::open(final_, files_);
}

void PartialStage::remove() {
  if (sealed_) return;
  std::error_code ignored;  // A folder that stays is removed by the next run of the same window.
  std::filesystem::remove_all(partial_, ignored);
}

std::int64_t PartialStage::rows_staged() const {
  const std::lock_guard lock(mutex_);
  return journal_.manifest.rows_staged;
}
std::int64_t PartialStage::rows_rejected() const {
  const std::lock_guard lock(mutex_);
  return journal_.manifest.rows_rejected;
}
std::vector<SplitLeft> PartialStage::left() const {
  const std::lock_guard lock(mutex_);
  return journal_.left;
}

}  // namespace tidemark
