// `tidemark secret set | list | remove | rotate`. Each returns its exit code. They work beside a
// service: only this process has the terminal that a value comes from.
#pragma once

#include "cli/call.h"

namespace tidemark {

int set_secret(const Call& call);
int list_secrets(const Call& call);
int remove_secret(const Call& call);
int rotate_secrets(const Call& call);

}  // namespace tidemark
