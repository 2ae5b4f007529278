// The page of the reference about the command line: every help text as the program prints it, the
// documents of --json, the exit codes. Pure; no thread rule.
#pragma once

#include "spec/reference.h"

namespace tidemark {

ReferencePage command_page();

}  // namespace tidemark
