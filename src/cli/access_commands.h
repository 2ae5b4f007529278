// `tidemark token create | list | revoke` and `tidemark audit`. Each returns its exit code. And how
// other commands are accounted for.
#pragma once

#include <memory>
#include <string>

#include "access/store_access.h"
#include "cli/call.h"

namespace tidemark {

int create_token(const Call& call);
int list_tokens(const Call& call);
int revoke_token(const Call& call);
int show_audit(const Call& call);

// Of the project's store, which is made when it is missing.
Result<std::unique_ptr<StoreAccess>> open_access(const Call& call, const Workspace& workspace);
// What this process's user does, to be told what.
Deed deed_of_user();
// The same, in the audit log before it is done.
Status note_deed(const Call& call, const Workspace& workspace, const std::string& what,
                 const std::string& on);
// Of what begins with a lease or ends as a run in which nothing was done: durable with either.
Status note_run(const Call& call, Workspace& workspace, const std::string& what,
                const std::string& on);

}  // namespace tidemark
