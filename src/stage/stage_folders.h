// Where stages stand: `<root>/<job>/<stream>/<seq>-<fence>/` and what lies beside them.
//
// Free functions over paths; safe from any thread for different streams. A folder counts as a stage
// only while it has a manifest; `.partial` is one that is being written, or that a dead process
// left.
#pragma once

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

// Sealed stages of a stream, oldest first by (seq, fence).
Result<std::vector<std::filesystem::path>> sealed_stages(const std::filesystem::path& root,
                                                         const StreamId& stream);
// Removes a stage: first its manifest, so that a half removed one never counts. Idempotent.
Status remove_stage(const std::filesystem::path& dir, Files& files);

}  // namespace tidemark
