// Cursor: where the next page of a list begins, as a text that a client gives back as it is. It
// holds for the list and the filters it was made for, and a change of it is seen. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/route.h"

namespace tidemark {

// `key`: of the last item of the page, as the list is ordered.
std::string make_cursor(const ApiRequest& request, const std::vector<std::string>& key);
// What it was made of; empty where the request has none, which is the first page.
// `api.bad_cursor` where it is none, or is of another list or other filters.
Result<std::vector<std::string>> read_cursor(const ApiRequest& request);

}  // namespace tidemark
