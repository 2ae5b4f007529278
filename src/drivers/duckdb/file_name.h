// The name of one file as the engine's scans take it. Pure; no thread rule.
#pragma once

#include <filesystem>
#include <string>

namespace tidemark::duck {

// A SQL text. A scan takes a bare name for a pattern, and `t[1].parquet` would silently read
// `t1.parquet`. A name with a backslash and one of *?[ has no such form: its scan finds no file.
std::string quote_file(const std::filesystem::path& path);

}  // namespace tidemark::duck
