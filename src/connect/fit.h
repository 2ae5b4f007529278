// Do rows fit a table that is there already? Pure functions over schemas, the same for every sink.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/schema.h"

namespace tidemark {

// Every value of `rows` is a value of `table`, unchanged: equal types, wider integers, decimals
// with room before and after the point, text for JSON and UUID is not (it would change what the
// column means).
bool can_hold(const Type& table, const Type& rows);

// One sentence per misfit, with column and both types; empty when the rows fit. `table` must have
// every column of `rows`, and its other columns must accept NULL.
std::vector<std::string> misfits(const Schema& table, const Schema& rows);

// The misfits as one Error `target.schema_misfit`, or nothing.
Status check_fit(const std::string& table_name, const Schema& table, const Schema& rows);

}  // namespace tidemark
