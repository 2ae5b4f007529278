// The page of the reference about the states of a run: which there are, what each may become, and
// which is the worse of two. Made from the table in store/run_state.cc, and read by the tests that
// hold the model and recorded histories against it. Pure; no thread rule.
#pragma once

#include "spec/reference.h"

namespace tidemark {

ReferencePage run_states_page();

}  // namespace tidemark
