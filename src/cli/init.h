// The small project that `tidemark init` writes.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "env/files.h"

namespace tidemark {

// Writes tidemark.yaml, one job and ten lines of data; never over a file that is there
// (`user.project_exists`). Returns what to print.
Result<std::string> write_first_project(const std::filesystem::path& dir, Files& files);

}  // namespace tidemark
