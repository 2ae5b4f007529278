// Exact types: how each type stands in a Parquet segment so that it comes back exactly as it was.
//
// Parquet as the engine writes it changes some types (HUGEINT becomes DOUBLE, INTERVAL loses
// microseconds, TIMETZ its offset). Those are stored in another form and turned back. Pure
// functions.
#pragma once

#include <string>

#include "base/result.h"
#include "model/type.h"

namespace tidemark {

// The name of a column inside a segment: its own, except for the few that a scan gives a meaning
// to.
std::string stored_name(const std::string& name);
// SQL over `expression` (of `type`) that gives the stored form.
std::string stored_form(const Type& type, const std::string& expression);
// The inverse: SQL over the stored form that gives back `type`.
std::string restored_form(const Type& type, const std::string& expression);
// `stage.type_not_exact` for the few nested engine types that have no exact form here.
Status check_storable(const Type& type);

}  // namespace tidemark
