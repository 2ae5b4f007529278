// Whether somebody wrote into a SQLite database, by its files.
//
// A pure function of the disk; blocking.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace tidemark {

// `source.cannot_open` where there is no such file.
Result<std::string> sign_of_database(const std::filesystem::path& path);

}  // namespace tidemark
