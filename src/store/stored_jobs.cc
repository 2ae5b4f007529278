#include "store/stored_jobs.h"

namespace tidemark {
namespace {

constexpr const char* select_versions =
    "SELECT name, version, text, set_by, set_at FROM etl_stored_jobs AS one ";

// Looking at a store does not bring it to its newest version, so it may lack the table.
Result<bool> has_table(SqlSession& session) {
  TM_TRY(const auto columns, session.columns_of("etl_stored_jobs"));
  return !columns.empty();
}

Result<std::vector<StoredJob>> read(SqlStatement& rows) {
  std::vector<StoredJob> jobs;
  while (true) {
    TM_TRY(const bool more, rows.step());
    if (!more) return jobs;
    StoredJob job;
    job.name = rows.text_at(0);
    job.version = rows.int64_at(1);
    job.text = rows.optional_text_at(2);
    job.set_by = rows.text_at(3);
    TM_TRY(job.set_at, parse_utc(rows.text_at(4)));
    jobs.push_back(std::move(job));
  }
}

Result<std::int64_t> newest_edit(SqlSession& session) {
  TM_TRY(auto rows, session.prepare("SELECT coalesce(max(edit), 0) FROM etl_stored_jobs"));
  TM_TRY(const bool has_row, rows.step());
  return has_row ? rows.int64_at(0) : 0;
}

Result<std::int64_t> newest_version(SqlSession& session, const std::string& name) {
  TM_TRY(auto rows,
         session.prepare("SELECT coalesce(max(version), 0) FROM etl_stored_jobs WHERE name = ?"));
  TM_TRY(const bool has_row, rows.bind_text(0, name).step());
  return has_row ? rows.int64_at(0) : 0;
}

}  // namespace

Result<StoredJobs> StoredJobTable::all() {
  StoredJobs all;
  TM_CHECK(database_.read([&](SqlSession& session) -> Status {
    all = {};
    TM_TRY(const bool is_there, has_table(session));
    if (!is_there) return {};
    TM_TRY(all.edit, newest_edit(session));
    TM_TRY(auto rows,
           session.prepare(std::string(select_versions) +
                           "WHERE text IS NOT NULL AND version = (SELECT max(version) FROM "
                           "etl_stored_jobs WHERE name = one.name) ORDER BY name"));
    TM_TRY(all.jobs, read(rows));
    return {};
  }));
  return all;
}

Result<std::int64_t> StoredJobTable::edits() {
  std::int64_t edits = 0;
  TM_CHECK(database_.read([&](SqlSession& session) -> Status {
    edits = 0;
    TM_TRY(const bool is_there, has_table(session));
    if (!is_there) return {};
    TM_TRY(edits, newest_edit(session));
    return {};
  }));
  return edits;
}

Result<std::vector<StoredJob>> StoredJobTable::select(const std::string& which,
                                                      const std::string& name,
                                                      std::optional<std::int64_t> value) {
  std::vector<StoredJob> found;
  TM_CHECK(database_.read([&](SqlSession& session) -> Status {
    found.clear();
    TM_TRY(const bool is_there, has_table(session));
    if (!is_there) return {};
    TM_TRY(auto rows, session.prepare(select_versions + which));
    rows.bind_text(0, name);
    if (value) rows.bind_int64(1, *value);
    TM_TRY(found, read(rows));
    return {};
  }));
  return found;
}

Result<std::vector<StoredJob>> StoredJobTable::versions(const std::string& name) {
  return select("WHERE name = ? ORDER BY version DESC", name);
}

Result<std::optional<StoredJob>> StoredJobTable::find(const std::string& name,
                                                      std::int64_t version) {
  TM_TRY(const auto found, select("WHERE name = ? AND version = ?", name, version));
  return found.empty() ? std::nullopt : std::optional(found.front());
}

Result<std::optional<StoredJob>> StoredJobTable::newest(const std::string& name) {
  TM_TRY(const auto found, select("WHERE name = ? ORDER BY version DESC LIMIT 1", name));
  return found.empty() ? std::nullopt : std::optional(found.front());
}

Result<std::optional<StoredJob>> StoredJobTable::edit(const StoredJob& job, std::int64_t seen) {
  std::optional<StoredJob> made;
  TM_CHECK(database_.write([&](SqlSession& session) -> Status {
    made.reset();
    TM_TRY(const std::int64_t edit, newest_edit(session));
    if (edit != seen) return {};
    made = job;
    TM_TRY(made->version, newest_version(session, job.name));
    ++made->version;
    TM_TRY(made->set_at, session.now());
    TM_TRY(auto insert,
           session.prepare("INSERT INTO etl_stored_jobs (name, version, edit, text, set_by, "
                           "set_at) VALUES (?, ?, ?, ?, ?, ?)"));
    TM_CHECK(insert.bind_text(0, job.name)
                 .bind_int64(1, made->version)
                 .bind_int64(2, edit + 1)
                 .bind_optional_text(3, job.text)
                 .bind_text(4, job.set_by)
                 .bind_text(5, to_text(made->set_at))
                 .run());
    TM_TRY(auto forget,
           session.prepare("DELETE FROM etl_stored_jobs WHERE name = ? AND version <= ?"));
    return forget.bind_text(0, job.name).bind_int64(1, made->version - versions_max).run();
  }));
  return made;
}

}  // namespace tidemark
