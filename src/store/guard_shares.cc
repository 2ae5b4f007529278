#include "store/guard_shares.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "store/migrations.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;

// Who waits or sees a strain says so at least once a second; one that was not heard for so long
// holds nobody up.
constexpr milliseconds heard_for{5'000};

struct Row {
  GuardShare share;
  std::optional<UtcMicros> waits_since;
  bool is_live = false;
};

UtcMicros later(UtcMicros at, milliseconds by) {
  return UtcMicros(at.get() + std::chrono::microseconds(by).count());
}

milliseconds between(UtcMicros from, UtcMicros to) {
  return std::chrono::duration_cast<milliseconds>(std::chrono::microseconds(to.get() - from.get()));
}

// A line for each job: its sessions, a space, its name.
std::string text_of(const std::map<std::string, std::int64_t>& jobs) {
  std::string text;
  for (const auto& [job, sessions] : jobs)
    text += std::to_string(sessions) + " " + job + "\n";
  return text;
}

std::map<std::string, std::int64_t> jobs_of(std::string_view text) {
  std::map<std::string, std::int64_t> jobs;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) continue;
    std::int64_t sessions = 0;
    std::from_chars(line.data(), line.data() + space, sessions);
    jobs.emplace(line.substr(space + 1), sessions);
  }
  return jobs;
}

Result<std::vector<Row>> all(SqlSession& session, UtcMicros now) {
  TM_TRY(auto rows,
         session.prepare("SELECT connection, holder, places, wanted, waits_since, weight, part, "
                         "strain, jobs, seen_at, expires_at FROM etl_guard_shares "
                         "ORDER BY connection, holder"));
  std::vector<Row> found;
  while (true) {
    TM_TRY(const bool has_row, rows.step());
    if (!has_row) return found;
    Row row;
    row.share.connection = rows.text_at(0);
    row.share.holder = rows.text_at(1);
    row.share.places = rows.int64_at(2);
    row.share.wanted = rows.int64_at(3);
    if (!rows.is_null(4)) {
      TM_TRY(row.waits_since, parse_utc(rows.text_at(4)));
    }
    row.share.weight = rows.int64_at(5);
    row.share.part = rows.int64_at(6);
    row.share.strain = rows.int64_at(7);
    row.share.jobs = jobs_of(rows.text_at(8));
    TM_TRY(const UtcMicros seen_at, parse_utc(rows.text_at(9)));
    row.share.silent = between(seen_at, now);
    TM_TRY(const UtcMicros expires_at, parse_utc(rows.text_at(10)));
    row.is_live = expires_at > now && !session.is_gone(row.share.holder);
    found.push_back(std::move(row));
  }
}

// What those hold who are not the one that asks.
struct Others {
  std::int64_t places = 0;
  std::int64_t weight = 0;
  std::int64_t part = 0;
  std::int64_t strain = whole_part;
  std::int64_t waiting = 0;  // processes
  std::int64_t first = 0;    // of them, who waited before it did
};

Others others_of(const std::vector<Row>& rows, const GuardReport& report, const std::string& holder,
                 UtcMicros waits_since) {
  Others others;
  for (const Row& row : rows) {
    if (row.share.connection != report.connection || row.share.holder == holder || !row.is_live)
      continue;
    others.places += row.share.places;
    others.weight += row.share.weight;
    others.part += row.share.part;
    if (row.share.silent > heard_for) continue;
    others.strain = std::min(others.strain, row.share.strain);
    if (!row.waits_since) continue;
    ++others.waiting;
    const auto rank = [](UtcMicros since, const std::string& who) {
      return std::pair(since.get(), who);
    };
    if (rank(*row.waits_since, row.share.holder) < rank(waits_since, holder)) ++others.first;
  }
  return others;
}

GuardGrant divide(const GuardReport& report, const Others& others, const Row* own) {
  GuardGrant grant;
  grant.others_wait = others.waiting > 0;
  grant.strain = others.strain;
  // Of a limit that was made smaller nobody gets more before enough was given back.
  const std::int64_t room = std::max<std::int64_t>(0, report.connections - others.places);
  const std::int64_t had = own == nullptr ? 0 : own->share.places;
  grant.places = std::min(report.places, std::max(had, room));
  grant.lost = grant.places < report.places;
  // One for each who waited longer; and where others wait, one at a time.
  const std::int64_t left = std::max<std::int64_t>(0, room - grant.places - others.first);
  const std::int64_t more =
      std::min({report.wanted, left, grant.others_wait ? std::int64_t{1} : left});
  grant.places += more;
  grant.free = std::max<std::int64_t>(0, room - grant.places);
  const std::int64_t due =
      report.weight == 0 ? 0 : whole_part * report.weight / (report.weight + others.weight);
  grant.part = std::min(due, std::max<std::int64_t>(0, whole_part - others.part));
  grant.is_owed = more < report.wanted || grant.part < due;
  return grant;
}

Status remove(SqlSession& session, const std::string& connection, const std::string& holder) {
  TM_TRY(auto statement,
         session.prepare("DELETE FROM etl_guard_shares WHERE connection = ? AND holder = ?"));
  return statement.bind_text(0, connection).bind_text(1, holder).run();
}

Status put(SqlSession& session, const GuardReport& report, const GuardGrant& grant,
           const std::string& holder, std::optional<UtcMicros> waits_since, UtcMicros now,
           milliseconds ttl) {
  TM_TRY(auto statement,
         session.prepare(
             "INSERT INTO etl_guard_shares (connection, holder, places, wanted, waits_since, "
             "weight, part, strain, jobs, seen_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, "
             "?, ?) ON CONFLICT (connection, holder) DO UPDATE SET places = excluded.places, "
             "wanted = excluded.wanted, waits_since = excluded.waits_since, weight = "
             "excluded.weight, part = excluded.part, strain = excluded.strain, jobs = "
             "excluded.jobs, seen_at = excluded.seen_at, expires_at = excluded.expires_at"));
  statement.bind_text(0, report.connection)
      .bind_text(1, holder)
      .bind_int64(2, grant.places)
      .bind_int64(3, waits_since ? report.wanted : 0)
      .bind_null(4)
      .bind_int64(5, report.weight)
      .bind_int64(6, grant.part)
      .bind_int64(7, report.strain)
      .bind_text(8, text_of(report.jobs))
      .bind_text(9, to_text(now))
      .bind_text(10, to_text(later(now, ttl)));
  if (waits_since) statement.bind_text(4, to_text(*waits_since));
  return statement.run();
}

Result<GuardGrant> exchange_one(SqlSession& session, const GuardReport& report,
                                const std::vector<Row>& rows, const std::string& holder,
                                UtcMicros now, milliseconds ttl) {
  const auto own = std::find_if(rows.begin(), rows.end(), [&](const Row& row) {
    return row.share.connection == report.connection && row.share.holder == holder;
  });
  const bool is_kept = own != rows.end() && own->is_live;
  const UtcMicros waits_since = later(now, -report.waited);
  const GuardGrant grant =
      divide(report, others_of(rows, report, holder, waits_since), is_kept ? &*own : nullptr);
  if (grant.places == 0 && report.wanted == 0 && report.weight == 0) {
    if (own != rows.end()) TM_CHECK(remove(session, report.connection, holder));
    return grant;
  }
  // Who was given what he wanted waits no more.
  const bool waits = grant.places < report.places + report.wanted && report.wanted > 0;
  TM_CHECK(put(session, report, grant, holder, waits ? std::optional(waits_since) : std::nullopt,
               now, ttl));
  return grant;
}

}  // namespace

Result<std::unique_ptr<GuardShares>> GuardShares::open(std::unique_ptr<SqlDatabase> database,
                                                       std::string holder, milliseconds ttl) {
  TM_CHECK(migrate(*database, store_migrations()));
  return std::unique_ptr<GuardShares>(new GuardShares(std::move(database), std::move(holder), ttl));
}

Result<std::vector<GuardGrant>> GuardShares::exchange(const std::vector<GuardReport>& reports) {
  std::vector<GuardGrant> grants;
  TM_CHECK(database_->write(
      [&](SqlSession& session) -> Status {
        grants.clear();
        TM_TRY(const UtcMicros now, session.now());
        TM_TRY(const std::vector<Row> rows, all(session, now));
        for (const Row& row : rows) {
          if (!row.is_live && row.share.holder != holder_)
            TM_CHECK(remove(session, row.share.connection, row.share.holder));
        }
        for (const GuardReport& report : reports) {
          TM_TRY(GuardGrant grant, exchange_one(session, report, rows, holder_, now, ttl_));
          grants.push_back(grant);
        }
        return {};
      },
      ttl_ / 3));
  return grants;
}

Status GuardShares::leave() {
  // Who cannot say that it leaves is silent, which does as well.
  constexpr milliseconds patience{1'000};
  return database_->write(
      [&](SqlSession& session) -> Status {
        TM_TRY(auto statement, session.prepare("DELETE FROM etl_guard_shares WHERE holder = ?"));
        return statement.bind_text(0, holder_).run();
      },
      patience);
}

Result<std::vector<GuardShare>> GuardShares::list() {
  std::vector<GuardShare> shares;
  TM_CHECK(database_->read([&](SqlSession& session) -> Status {
    shares.clear();
    TM_TRY(const UtcMicros now, session.now());
    TM_TRY(std::vector<Row> rows, all(session, now));
    for (Row& row : rows) {
      if (row.is_live) shares.push_back(std::move(row.share));
    }
    return {};
  }));
  return shares;
}

}  // namespace tidemark
