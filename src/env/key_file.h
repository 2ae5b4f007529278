// Whether a file that somebody named keeps the private key that is in it. Asks the file system; any
// thread.
#pragma once

#include <string>

#include "base/result.h"

namespace tidemark {

// It is there, and nobody but its owner, or root and a group of its, may read it. A user fault,
// `env.no_key_file` or `env.open_key_file`, says what to do.
Status check_key_file(const std::string& path);

}  // namespace tidemark
