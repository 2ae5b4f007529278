// A question of somebody who may look at one connection of a project and no more.
//
// Blocking; from several threads at a time.
#pragma once

#include <string>

#include "connect/question.h"
#include "run/workspace.h"

namespace tidemark {

// `user.no_ask` of a connection that cannot be asked; `user.too_slow` where it took longer than the
// question allows: the statement is ended in the system then. `workspace` and `around` are those of
// who serves.
Result<BoundedAnswer> ask(const Surroundings& around, Workspace& workspace,
                          const std::string& connection, const Question& question, Cancel& cancel);

}  // namespace tidemark
