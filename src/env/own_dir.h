// A folder for what is its owner's alone. Any thread.
#pragma once

#include <filesystem>

#include "env/files.h"

namespace tidemark {

// As make_dirs_durably(). One that was not there before is readable for its owner alone; one that
// was stays as it is.
Status make_own_dir(Files& files, const std::filesystem::path& dir);

}  // namespace tidemark
