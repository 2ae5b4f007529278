// The deterministic name of a load: the same window of the same stream always has the same one.
// Pure.
#pragma once

#include <string>

#include "connect/sink.h"

namespace tidemark {

// `what` tells loads of one kind and seq apart: the window's ends, or the run that replays.
std::string load_id_of(const StreamId& id, LoadKind kind, Seq seq, const std::string& what);
std::string window_text(const Window& window);

}  // namespace tidemark
