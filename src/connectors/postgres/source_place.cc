#include "connectors/postgres/source_place.h"

namespace tidemark::postgres {
namespace {

constexpr const char* place_sql = R"(
select (select system_identifier from pg_catalog.pg_control_system()),
  case when pg_catalog.pg_is_in_recovery()
    then (select timeline_id from pg_catalog.pg_control_checkpoint())
    else ('x' || left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8))::bit(32)::int end,
  pg_catalog.to_regclass($1)::oid, pg_catalog.pg_is_in_recovery())";

}  // namespace

Result<SourcePlace> read_place(Connection& connection, const std::string& relation,
                               Cancel& cancel) {
  std::optional<std::string> table;
  if (!relation.empty()) table = relation;
  TM_TRY(const Rows rows, connection.ask(place_sql, {table}, cancel));
  return SourcePlace{rows.string(0, 0), rows.string(0, 1), rows.string(0, 2), rows.boolean(0, 3)};
}

PlacedValue parse_position(const Position& position) {
  const PlacedPosition read = parse_placed(position);
  const std::size_t timeline = read.place ? read.place->find('/') : std::string::npos;
  if (timeline == std::string::npos) return {position.text, std::nullopt};
  const std::size_t table = read.place->find('/', timeline + 1);
  SourcePlace place;
  place.system = read.place->substr(0, timeline);
  place.timeline = read.place->substr(timeline + 1, table - timeline - 1);
  if (table != std::string::npos) place.table = read.place->substr(table + 1);
  return {read.value, std::move(place)};
}

Position position_at(const std::string& value, const SourcePlace& place) {
  return tidemark::position_at(
      value, place.system + "/" + place.timeline + (place.table.empty() ? "" : "/" + place.table));
}

Status check_server(const SourcePlace& last, const SourcePlace& here) {
  if (last.system == here.system) return {};
  return source_changed("the source is another server than the last window was read from", false);
}

Status check_place(const SourcePlace& last, const SourcePlace& here, bool confirmed) {
  if (confirmed) return {};
  if (last.system != here.system) {
    return source_changed("the source is another server than the last window was read from", true);
  }
  if (last.timeline != here.timeline) {
    return source_changed(
        "the source was failed over or restored since the last window (timeline " + last.timeline +
            ", now " + here.timeline + ")",
        true);
  }
  if (!last.table.empty() && !here.table.empty() && last.table != here.table) {
    return source_changed(
        "the source's table is another one of the same name: it was dropped and made anew since "
        "the last window",
        true);
  }
  return {};
}

}  // namespace tidemark::postgres
