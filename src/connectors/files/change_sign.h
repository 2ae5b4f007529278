// Whether files of a folder are new or have changed, by their names, sizes and times.
//
// A pure function of the disk; blocking.
#pragma once

#include <filesystem>
#include <string>

#include "base/cancel.h"
#include "base/result.h"

namespace tidemark {

// A word for each file, so that one that is gone is no change; of more than a thousand one word for
// all, which is another also where one is gone. Errors as list_files.
Result<std::string> sign_of_files(const std::filesystem::path& folder, const std::string& pattern,
                                  Cancel& cancel);

}  // namespace tidemark
