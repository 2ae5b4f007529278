// `tidemark schedule [JOB...]`: when jobs run by themselves.
#pragma once

#include "cli/call.h"

namespace tidemark {

int schedule(const Call& call);

// What an option says: a day, or a moment, of UTC.
Result<UtcMicros> moment(const char* option, const std::string& text);

}  // namespace tidemark
