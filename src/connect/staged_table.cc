#include "connect/staged_table.h"

#include "connect/expression.h"

namespace tidemark {

StagedTable no_staged_rows(const Schema& schema) {
  return {no_rows(schema), schema, RowCount(0)};
}

Result<StagedTable> make_staged_table(const std::string& name, const std::string& select,
                                      const Schema& schema, duck::Connection& engine) {
  TM_CHECK(engine.execute("CREATE OR REPLACE TEMP TABLE " + name + " AS " + select));
  TM_TRY(const std::int64_t rows, engine.count("SELECT count(*) FROM temp." + name));
  return StagedTable{name, schema, RowCount(rows)};
}

}  // namespace tidemark
