// `tidemark stage list | verify | clean`. Each returns its exit code.
#pragma once

#include "cli/call.h"

namespace tidemark {

int list_stages(const Call& call);
int verify_stages(const Call& call);
int clean_stages(const Call& call);

}  // namespace tidemark
