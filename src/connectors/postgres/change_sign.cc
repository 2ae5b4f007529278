#include "connectors/postgres/change_sign.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "connect/connector.h"
#include "connectors/postgres/catalog.h"
#include "connectors/postgres/in_flight.h"

namespace tidemark::postgres {
namespace {

// With its partitions and children, which have the rows.
constexpr const char* count_sql = R"(
with recursive tree(oid) as (
  select pg_catalog.to_regclass($1)::oid
  union select i.inhrelid from pg_catalog.pg_inherits i join tree t on i.inhparent = t.oid)
select (select relkind from pg_catalog.pg_class where oid = pg_catalog.to_regclass($1)),
  current_setting('server_version_num')::int, current_setting('track_counts'),
  sum(pg_catalog.pg_stat_get_tuples_inserted(c.oid) + pg_catalog.pg_stat_get_tuples_updated(c.oid)
      + pg_catalog.pg_stat_get_tuples_deleted(c.oid))::text
  || ':' || pg_catalog.md5(string_agg(c.oid::text || '.' || c.relfilenode::text, ' ' order by c.oid))
from tree join pg_catalog.pg_class c on c.oid = tree.oid)";

constexpr int counts_soon_from = 150'000;
// How often a change is followed again, at most: once for those that were open when it was seen,
// once for those that began before its run looked itself.
constexpr int again_max = 2;

struct Sign {
  std::string counted;
  int again = 0;
  std::vector<std::string> open;  // transactions that were, when it was seen
};

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(at), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

Sign parse(const std::string& text) {
  const std::vector<std::string> parts = split(text, ';');
  Sign sign;
  if (!parts.empty()) sign.counted = parts[0];
  if (parts.size() > 1)
    std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), sign.again);
  if (parts.size() > 2) sign.open = split(parts[2], ',');
  return sign;
}

std::string to_text(const Sign& sign) {
  std::string text = sign.counted + ";" + std::to_string(sign.again) + ";";
  for (std::size_t at = 0; at < sign.open.size(); ++at)
    text += (at == 0 ? "" : ",") + sign.open[at];
  return text;
}

// One that is prepared has another name than before, so it may be any of them.
bool still_open(const Sign& sign, const InFlight& now) {
  if (sign.open.empty()) return false;
  return !now.prepared.empty() ||
         std::any_of(now.running.begin(), now.running.end(), [&](const std::string& one) {
           return std::find(sign.open.begin(), sign.open.end(), one) != sign.open.end();
         });
}

std::vector<std::string> open_in(const InFlight& now) {
  std::vector<std::string> open = now.running;
  if (!now.prepared.empty()) open.emplace_back("prepared");
  return open;
}

}  // namespace

Result<std::string> change_sign(Connection& connection, const TableName& table,
                                const std::string& before, Cancel& cancel) {
  TM_TRY(const Rows rows, connection.query(count_sql, {table.sql()}, cancel));
  const std::string kind = rows.string(0, 0);
  if (kind.empty()) {
    TM_CHECK(describe_table(connection, table, cancel));
    return no_change_sign("`" + table.show() + "` came while it was looked at");
  }
  if (kind != "r" && kind != "p")
    return no_change_sign("`" + table.show() +
                          "` is no table, so PostgreSQL does not count for it");
  if (rows.integer(0, 1) < counts_soon_from)
    return no_change_sign("a PostgreSQL older than 15 says only late what was written");
  if (rows.string(0, 2) != "on")
    return no_change_sign("PostgreSQL does not count what is written: its `track_counts` is off");
  const Sign known = parse(before);
  Sign sign{rows.string(0, 3), again_max, {}};
  const bool is_known = known.counted == sign.counted;
  if (is_known && known.again == 0) return before;
  TM_TRY(const InFlight now, in_flight(connection, cancel));
  sign.open = open_in(now);
  if (is_known) {
    if (still_open(known, now)) return before;
    sign.again = sign.open.empty() ? 0 : known.again - 1;
    if (sign.again == 0) sign.open.clear();
  }
  return to_text(sign);
}

}  // namespace tidemark::postgres
