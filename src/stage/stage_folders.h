// Where stages stand: `<root>/<job>/<stream>/<seq>-<fence>/` and what lies beside them.
//
// Free functions over paths; safe from any thread for different streams. A folder counts as a stage
// only while it has a manifest; `.partial` is one that is being written, or that a dead process
// left.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "env/clock.h"
#include "env/files.h"
#include "stage/manifest.h"

namespace tidemark {

inline constexpr const char* manifest_name = "manifest.json";

// A name as one path component: letters, digits, `-` and `_` stay, every other byte becomes `%XX`;
// at more than 120 characters the tail becomes its hash. Different names never give the same
// component.
std::string path_component(std::string_view name);
// The name back; nothing for what path_component() does not write, or where it put a hash.
std::optional<std::string> name_of_component(std::string_view component);

// `<root>/<job>/<stream>/<seq>-<fence>`
std::filesystem::path stage_dir(const std::filesystem::path& root, const StageKey& key);
// Whether a stage of that key belongs into a folder of that name.
bool is_folder_of(const std::filesystem::path& dir, const StageKey& key);
// Beside a stage whose run was stopped by `stop_above`: the rows it refused, with the columns of
// tidemark_quarantine. Removed with the stage.
std::filesystem::path refused_file(const std::filesystem::path& stage_dir);

enum class StageKind {
  sealed,
  partial,       // being written now, or left by a process that died
  half_removed,  // no manifest, or refused rows without a stage
};

// What stands in the place of one stage.
struct StageFolder {
  StreamId stream;
  Seq seq;
  Fence fence;
  StageKind kind = StageKind::sealed;
  std::filesystem::path dir;
  UtcMicros sealed_at;   // of a sealed one: when its manifest was written, by the file's own time
  bool readable = true;  // of a sealed one: its manifest can be read
};

// One folder of stages: those of one stream.
struct StagedStream {
  StreamId id;
  std::filesystem::path dir;
  // False: the folder's name holds a hash instead of the name, no manifest in it can be read, and
  // `id` is made of the folders' names.
  bool is_known = true;
};
StagedStream staged_stream(const std::filesystem::path& root, const StreamId& id);
// Every one below the root, by name. `jobs` are names that a folder's may stand for.
Result<std::vector<StagedStream>> staged_streams(const std::filesystem::path& root,
                                                 const std::vector<JobName>& jobs, Files& files);

// What stands of a stream, oldest first by (seq, fence). One listing of a folder and no more:
// whether a folder has its manifest, and when it was sealed, says look_at(). Empty when there is
// nothing.
Result<std::vector<StageFolder>> stage_folders(const StagedStream& stream);
// Fills `kind` and `sealed_at` of a folder that was listed as sealed.
Status look_at(StageFolder& folder);
// Of all files in it, and of the refused rows beside it.
std::int64_t bytes_on_disk(const StageFolder& folder);

// Removes a stage: first its manifest, so that a half removed one never counts. Idempotent.
Status remove_stage(const std::filesystem::path& dir, Files& files);
// The same for whatever stands there. REQUIRES: nobody writes it any more.
Status remove_folder(const StageFolder& folder, Files& files);

}  // namespace tidemark
