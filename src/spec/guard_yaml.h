// The codec of GuardSpec: the key `guard` of a connection. Pure functions, no thread rule.
#pragma once

#include <string>
#include <vector>

#include "spec/config_doc.h"
#include "spec/config_spec.h"
#include "spec/project_spec.h"

namespace tidemark {

// Every key there is, for a connector that has them all.
std::vector<std::string> guard_keys();
// A key that is not among `keys` is a fault.
void read_guard(const YamlNode& node, ReadContext& context, const std::vector<std::string>& keys,
                GuardSpec& guard);
// The key `guard` with these keys, for the description of a connection.
FieldDoc guard_field(const std::vector<std::string>& keys);

}  // namespace tidemark
