// The JSON documents of `--json`; their shapes stand in docs/reference/. Pure.
#pragma once

#include "drivers/duckdb/engine.h"
#include "drivers/json/json.h"
#include "plan/plan_document.h"
#include "spec/fault.h"
#include "spec/price_spec.h"
#include "store/records.h"

namespace tidemark {

JsonValue run_document(const RunRecord& run);
JsonValue event_document(const EventRecord& event);
// With what it cost, where there are prices.
JsonValue history_document(const RunHistory& history, const std::optional<PriceSpec>& prices);
JsonValue error_document(const Error& error);
JsonValue faults_document(const Faults& faults);
// Integers beyond 2^53 and decimals are strings; NULL is null.
JsonValue answer_document(const duck::Answer& answer);

}  // namespace tidemark
