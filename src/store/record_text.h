// Records as texts and back, for a ReadCache: what went in comes out, and nothing else is read.
// Pure. Only this version of the program reads them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/overview.h"
#include "store/records.h"

namespace tidemark {

std::string text_of(const std::vector<RunRecord>& runs);
std::string text_of(const StoreOverview& overview);

// `cache.unreadable` where the text is not whole.
Result<std::vector<RunRecord>> runs_of(std::string_view text);
Result<StoreOverview> overview_of(std::string_view text);

}  // namespace tidemark
