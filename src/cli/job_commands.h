// `tidemark job`: the jobs that stand in the store and not in a file.
#pragma once

#include "cli/call.h"

namespace tidemark {

int export_job(const Call& call);
int remove_job(const Call& call);

}  // namespace tidemark
