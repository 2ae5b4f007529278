// Stage: a sealed folder of Parquet segments, the only input of everything after extraction.
//
// A value that names what stands on disk; nobody changes a sealed stage, it is only removed whole.
// Copyable, read-only, safe from any thread. What a segment holds is exact for every type: where
// Parquet has no exact form, the segment stores one that has (exact_types.h) and relation_sql()
// turns it back.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "drivers/hash/hash.h"
#include "env/files.h"
#include "stage/manifest.h"

namespace tidemark {

// Hidden columns of relation_sql(): together the address of a row, stable for the life of the
// stage, and in the order the source was read.
inline constexpr std::string_view stage_segment_column = "_tm_segment";  // INTEGER, from 1
inline constexpr std::string_view stage_row_column =
    "_tm_row";  // BIGINT, grows with the order of reading

class Stage {
 public:
  // Reads the manifest. `stage.not_sealed` when there is none, `stage.corrupt` when it is damaged.
  static Result<Stage> open(const std::filesystem::path& dir, Files& files);

  // Reads every segment: size and hashes as the manifest says, nothing missing, nothing added.
  // Blocking. `stage.corrupt` names the segment.
  Status verify(HashDepth depth, Cancel& cancel) const;

  const Manifest& manifest() const { return manifest_; }
  const std::filesystem::path& dir() const { return dir_; }
  // A SELECT of the manifest's columns, exactly typed, then the two hidden ones. Good for an empty
  // stage.
  std::string relation_sql() const;
  // A SELECT of raw BLOB, column_name VARCHAR, reason VARCHAR, locator VARCHAR and the two hidden
  // columns.
  std::string rejects_sql() const;
  // Of the manifest's bytes, which hold the hashes of all segments: one text for the whole stage.
  const std::string& checksum() const { return checksum_; }

 private:
  Stage() = default;
  Manifest manifest_;
  std::filesystem::path dir_;
  std::string checksum_;
};

// A name as one path component: letters, digits, `-` and `_` stay, every other byte becomes `%XX`;
// at more than 120 characters the tail becomes its hash. Different names never give the same
// component.
std::string path_component(std::string_view name);
// `<root>/<job>/<stream>/<seq>-<fence>`
std::filesystem::path stage_dir(const std::filesystem::path& root, const StageKey& key);
// Beside a stage whose run was stopped by `stop_above`: the rows it refused, with the columns of
// tidemark_quarantine. Removed with the stage.
std::filesystem::path refused_file(const std::filesystem::path& stage_dir);
// Sealed stages of a stream, oldest first by (seq, fence).
Result<std::vector<std::filesystem::path>> sealed_stages(const std::filesystem::path& root,
                                                         const StreamId& stream);
// Removes a stage: first its manifest, so that a half removed one never counts. Idempotent.
Status remove_stage(const std::filesystem::path& dir, Files& files);

}  // namespace tidemark
