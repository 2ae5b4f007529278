// `tidemark alert list | show | silence | unsilence | test`. Each returns its exit code.
#pragma once

#include "cli/call.h"

namespace tidemark {

int list_alerts(const Call& call);
int show_alert(const Call& call);
int silence_alerts(const Call& call);
int unsilence_alerts(const Call& call);
int test_channels(const Call& call);

}  // namespace tidemark
