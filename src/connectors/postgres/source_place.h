// Which server, and which table of it, a position of a watermark was taken from. A copy of the
// server that took over without its last transactions, or one that was put back, would have a run
// go on behind rows that it never read.
#pragma once

#include <optional>
#include <string>

#include "connect/placed_position.h"
#include "connect/source.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

struct SourcePlace {
  std::string system;    // identifier of the cluster; its copies have the same
  std::string timeline;  // another after each failover and each restore
  std::string table;     // its oid; empty: a query, or a version of before that did not keep it
  bool standby = false;  // not part of a position
};

// `relation` is a table's name in SQL, or empty. Blocking.
Result<SourcePlace> read_place(Connection& connection, const std::string& relation, Cancel& cancel);

// A position is `value@system/timeline/table`; those of versions before name no place.
struct PlacedValue {
  std::string value;
  std::optional<SourcePlace> place;
};
PlacedValue parse_position(const Position& position);
Position position_at(const std::string& value, const SourcePlace& place);

// `blocked.source_changed` where `here` is not the place of `last`. With `confirmed` a person has
// said that nothing was lost.
Status check_place(const SourcePlace& last, const SourcePlace& here, bool confirmed);
// The same for numbers of transactions, which another server counts anew: nobody can confirm that.
Status check_server(const SourcePlace& last, const SourcePlace& here);

}  // namespace tidemark::postgres
