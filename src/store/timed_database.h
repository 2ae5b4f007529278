// A database of a store, and how long it took for each piece of work.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

#include "store/sql_session.h"

namespace tidemark {

// What was done, `read` or `write`, and how long its caller waited; from any thread.
using StoreTook = std::function<void(std::string_view what, std::chrono::nanoseconds took)>;

// The clock outlives what is returned.
std::unique_ptr<SqlDatabase> time_work(std::unique_ptr<SqlDatabase> database, const Clock& clock,
                                       StoreTook tell);

}  // namespace tidemark
