#include "store/sql_leases.h"

#include <algorithm>
#include <string>
#include <utility>

#include "env/process.h"

namespace tidemark::sql_leases {

namespace {

// Longer than until who was turned away comes again.
constexpr std::chrono::milliseconds wanted_for{10'000};

UtcMicros after(UtcMicros now, std::chrono::milliseconds ttl) {
  return UtcMicros(now.get() + std::chrono::microseconds(ttl).count());
}

bool is_free(SqlSession& session, const LeaseRecord& lease, UtcMicros now) {
  return !lease.expires_at || *lease.expires_at <= now || session.is_gone(lease.holder);
}

Error leased(const LeaseRecord& lease) {
  return internal_error(
      "run.leased",
      "job " + lease.job.get() + " is being run by " + describe_process(lease.holder) + " (run " +
          lease.run.get() + ")",
      Retry::backoff,
      "wait until it has ended. If that process hangs, it may be killed: nothing is lost; if it "
      "gives no sign of life, its lease ends at " +
          to_text(*lease.expires_at) + " and the next run takes over");
}

}  // namespace

Result<std::optional<LeaseRecord>> find(SqlSession& session, const JobName& job) {
  TM_TRY(auto rows, session.prepare("SELECT token, run_id, holder, expires_at, wanted_until FROM "
                                    "etl_leases WHERE job_id = ?"));
  TM_TRY(bool has_row, rows.bind_text(0, job_id_of(job).get()).step());
  if (!has_row) return std::optional<LeaseRecord>();
  LeaseRecord lease;
  lease.job = job;
  lease.token = Fence(rows.int64_at(0));
  lease.run = RunId(std::string(rows.text_at(1)));
  lease.holder = rows.text_at(2);
  if (!rows.is_null(3)) {
    TM_TRY(lease.expires_at, parse_utc(rows.text_at(3)));
  }
  if (!rows.is_null(4)) {
    TM_TRY(const UtcMicros now, session.now());
    lease.wanted = rows.text_at(4) > to_text(now);
  }
  return std::optional(std::move(lease));
}

Result<Fence> claim(SqlSession& session, const LeaseClaim& claim, UtcMicros now) {
  TM_TRY(const std::optional<LeaseRecord> present, find(session, claim.job));
  if (present && !is_free(session, *present, now)) return leased(*present);
  const Fence known = present ? present->token : Fence(0);
  const Fence token(std::max(known, claim.above).get() + 1);
  TM_TRY(auto upsert,
         session.prepare("INSERT INTO etl_leases (job_id, token, run_id, holder, expires_at)"
                         " VALUES (?, ?, ?, ?, ?) ON CONFLICT (job_id) DO UPDATE SET"
                         " token = excluded.token, run_id = excluded.run_id,"
                         " holder = excluded.holder, expires_at = excluded.expires_at" +
                         std::string(claim.yields ? "" : ", wanted_until = NULL")));
  TM_CHECK(upsert.bind_text(0, job_id_of(claim.job).get())
               .bind_int64(1, token.get())
               .bind_text(2, claim.run.get())
               .bind_text(3, claim.holder)
               .bind_text(4, to_text(after(now, claim.ttl)))
               .run());
  return token;
}

Status renew(SqlSession& session, const JobName& job, Fence token, std::chrono::milliseconds ttl,
             UtcMicros now) {
  TM_TRY(auto update, session.prepare("UPDATE etl_leases SET expires_at = ? WHERE job_id = ? AND "
                                      "token = ? AND expires_at IS NOT NULL"));
  TM_CHECK(update.bind_text(0, to_text(after(now, ttl)))
               .bind_text(1, job_id_of(job).get())
               .bind_int64(2, token.get())
               .run());
  if (session.changed_rows() == 1) return {};
  return lease_lost(job, "somebody else has taken it over");
}

Status give_back(SqlSession& session, const JobName& job, Fence token) {
  TM_TRY(auto update, session.prepare("UPDATE etl_leases SET expires_at = NULL WHERE job_id = ? "
                                      "AND token = ?"));
  return update.bind_text(0, job_id_of(job).get()).bind_int64(1, token.get()).run();
}

Status want(SqlSession& session, const JobName& job) {
  TM_TRY(const UtcMicros now, session.now());
  TM_TRY(auto update, session.prepare("UPDATE etl_leases SET wanted_until = ? WHERE job_id = ?"));
  return update.bind_text(0, to_text(after(now, wanted_for)))
      .bind_text(1, job_id_of(job).get())
      .run();
}

Result<bool> is_wanted_for_long(SqlSession& session, const JobName& job) {
  TM_TRY(const UtcMicros now, session.now());
  TM_TRY(auto rows, session.prepare("SELECT 1 FROM etl_leases WHERE job_id = ? AND wanted_until > "
                                    "?"));
  return rows.bind_text(0, job_id_of(job).get())
      .bind_text(1, to_text(after(now, wanted_for * 2 / 3)))
      .step();
}

}  // namespace tidemark::sql_leases
