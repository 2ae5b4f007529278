// Telling: which channels an alert goes to, and whether it is silent. Pure.
#pragma once

#include <string>
#include <vector>

#include "spec/alert_spec.h"
#include "store/alert_table.h"

namespace tidemark {

// The rule of the alert that a channel cannot be reached: of this folder's own making.
inline constexpr std::string_view channel_down = "channel_down";

// The names of the channels, each once, in their order.
std::vector<std::string> channels_of(const AlertSpec& spec, const AlertRecord& alert);
// Nothing new is told of it now.
bool is_silent(const AlertRecord& alert, const std::vector<SilenceRecord>& silences);

}  // namespace tidemark
