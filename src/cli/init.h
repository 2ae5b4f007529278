// The small project that `tidemark init` writes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "env/files.h"

namespace tidemark {

// Writes tidemark.yaml, one job and some lines of data; never over a file that is there
// (`user.project_exists`). Returns the files.
Result<std::vector<std::filesystem::path>> write_first_project(const std::filesystem::path& dir,
                                                               Files& files);
// What to print then: the files, and commands to try.
std::string first_steps(const std::filesystem::path& dir,
                        const std::vector<std::filesystem::path>& made);

}  // namespace tidemark
