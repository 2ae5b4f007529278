// What stands on disk under a warehouse's name, looked at without the engine.
//
// Free functions over paths. None of them may be called while this process has the file open: to
// close any descriptor of a file drops the lock that the engine holds on it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/result.h"
#include "drivers/duckdb/engine.h"

namespace tidemark {

// The newest storage version the engine reads; a file says its own in its header.
inline constexpr std::uint64_t storage_version_max = 68;

std::filesystem::path wal_of(const std::filesystem::path& file);
std::filesystem::path folder_of(const std::filesystem::path& file);

// Makes an empty warehouse where there is none: under another name, then renamed, since a file that
// a dying process has half made cannot be opened by anybody. Idempotent; leaves a file that came
// there meanwhile as it is.
Status make_warehouse(const std::filesystem::path& file, duck::Connection& engine);

// The engine reads a WAL to its first torn entry, and does not read one at all whose beginning it
// does not know, without a word of either. The first is how a crash in the middle of a COMMIT
// looks; the second would lose what is committed in it, so it is `target.file_unusable`. Nothing
// where there is no WAL.
Status check_wal(const std::filesystem::path& file);

// Copies a WAL that ends in the middle of a commit to `<file>.wal.torn`, because the engine throws
// the torn end away. Returns the copy; nothing where there is no WAL, or it is whole. REQUIRES
// check_wal().
Result<std::optional<std::filesystem::path>> copy_torn_wal(const std::filesystem::path& file);

// Of a write or COMMIT that failed: `env.disk_full` where the file's volume is full, and else the
// engine's words with what to do. Any other error as it is.
Error explain_failed_write(Error error, const std::filesystem::path& file);

// `target.file_unusable` of what the engine said when it could not open the file: what is the
// matter as far as the file itself shows it, and what to do.
Error explain_unusable(Error error, const std::filesystem::path& file);

}  // namespace tidemark
