// The codec of GuardSpec: the key `guard` of a connection. Pure functions, no thread rule.
#pragma once

#include "spec/config_doc.h"
#include "spec/config_spec.h"
#include "spec/project_spec.h"

namespace tidemark {

const ConfigSpec<GuardSpec>& guard_spec();
// The key itself, for the description of a connection.
FieldDoc guard_field();

}  // namespace tidemark
