#include "connect/refusal.h"

#include "drivers/duckdb/engine.h"

namespace tidemark {

std::string reject_sql(int step, std::string_view rule, std::string_view column,
                       const std::string& message_sql, bool dropped) {
  return "struct_pack(step := " + std::to_string(step) +
         ", dropped := " + (dropped ? "true" : "false") + ", rule := " + duck::quote_text(rule) +
         ", \"column\" := " +
         (column.empty() ? std::string("NULL::VARCHAR") : duck::quote_text(column)) +
         ", message := " + message_sql + ")";
}

}  // namespace tidemark
