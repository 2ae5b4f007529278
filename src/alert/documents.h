// Alerts and silences as documents, for programs that ask. Pure.
#pragma once

#include "drivers/json/json.h"
#include "store/alert_table.h"

namespace tidemark {

// `silences`: those that have not ended.
JsonValue alert_document(const AlertRecord& alert, const std::vector<SilenceRecord>& silences);
JsonValue silence_document(const SilenceRecord& silence);

}  // namespace tidemark
