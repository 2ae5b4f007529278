#include "run/checkup.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/units.h"
#include "connect/tls_fact.h"
#include "drivers/postgres/tls.h"
#include "drivers/redis/address.h"
#include "drivers/zone/zone.h"
#include "env/local_host.h"
#include "env/process.h"
#include "run/project_store.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Kind = Finding::Kind;

constexpr rlim_t open_files_min = 1024;
constexpr milliseconds clocks_apart_max{1'000};
constexpr milliseconds slow_store{100};
// Of a volume.
constexpr double free_part_min = 0.1;
constexpr std::int64_t free_bytes_enough = 20'000'000'000;
constexpr std::int64_t free_bytes_min = 200'000'000;

Finding of_error(std::string what, const Error& error) {
  return {Kind::fault, std::move(what), error.describe(),
          error.hint.empty() ? "docs/runbooks tell more of `" + error.code + "`" : error.hint};
}

std::string described(const JobPlan& plan) {
  std::string text =
      fmt::format("{} {}", show_count(static_cast<std::int64_t>(plan.streams.size())),
                  plan.streams.size() == 1 ? "stream" : "streams");
  return text + " can be planned, guarantee " + std::string(to_string(plan.guarantee));
}

}  // namespace

std::string_view to_string(Finding::Kind kind) {
  switch (kind) {
    case Kind::good:
      return "good";
    case Kind::warning:
      return "warning";
    case Kind::fault:
      return "fault";
  }
  return "fault";
}

Status Checkup::connect(const ConnectionSpec& connection, Cancel& cancel) {
  const std::string what = "connection " + connection.name.value;
  const auto began = around_.clock.monotonic();
  const auto state = workspace_.state_of(connection, cancel);
  const auto took = std::chrono::duration_cast<milliseconds>(around_.clock.monotonic() - began);
  TM_CHECK(cancel.check());
  if (!state.ok()) {
    tell_(of_error(what, state.error()));
    return {};
  }
  std::string facts;
  for (const auto& [name, text] : state->facts)
    facts += "; " + name + ": " + text;
  tell_({Kind::good, what, "answers in " + show_duration(took) + facts});
  if (const auto fault = tls_fault(*state))
    tell_({Kind::warning, what, "TLS: " + *fault, tls_remedy});
  return {};
}

Status Checkup::look_at(const std::vector<const ConnectionSpec*>& connections, Cancel& cancel) {
  for (const ConnectionSpec* connection : connections)
    TM_CHECK(connect(*connection, cancel));
  for (const JobSpec& job : workspace_.jobs()) {
    std::set<std::string> used = workspace_.connections_read(job);
    used.insert({job.from.connection.value, job.to.connection.value});
    const bool is_user = std::any_of(
        connections.begin(), connections.end(),
        [&](const ConnectionSpec* connection) { return used.contains(connection->name.value); });
    if (!job.enabled || !is_user) continue;
    TM_TRY(auto engine, workspace_.engine().connect());
    const auto plan = workspace_.plan(job, *engine, cancel);
    TM_CHECK(cancel.check());
    const std::string what = "job " + job.name.get();
    tell_(plan.ok() ? Finding{Kind::good, what, described(*plan)} : of_error(what, plan.error()));
  }
  return {};
}

Status Checkup::look_at_all(Cancel& cancel) {
  machine();
  folder();
  secret_files();
  owner();
  TM_CHECK(store());
  cache();
  volumes();
  for (const ConnectionSpec& connection : workspace_.project().connections)
    TM_CHECK(connect(connection, cancel));
  last_runs();
  return stages(cancel);
}

void Checkup::machine() {
  struct rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  const bool unlimited = files.rlim_cur == RLIM_INFINITY;
  Finding limits{Kind::good, "open files",
                 unlimited ? "without a limit"
                           : "at most " + show_count(static_cast<std::int64_t>(files.rlim_cur))};
  if (!unlimited && files.rlim_cur < open_files_min) {
    limits.kind = Kind::warning;
    limits.remedy = "raise it: `ulimit -n 4096`, or LimitNOFILE=4096 of the systemd unit";
  }
  tell_(limits);

  const auto zone = Zone::find("Europe/Berlin");
  tell_(zone.ok() ? Finding{Kind::good, "time zones", "are there"}
                  : Finding{Kind::fault, "time zones", zone.error().describe(),
                            "install the package tzdata: schedules with a `timezone` need it"});

  const std::int64_t memory = ::sysconf(_SC_PHYS_PAGES) * ::sysconf(_SC_PAGESIZE);
  const std::int64_t wanted = workspace_.project().memory_bytes;
  Finding room{Kind::good, "memory",
               show_bytes(wanted) + " are for runs, of " + show_bytes(memory)};
  if (wanted > memory / 4 * 3) {
    room.kind = Kind::warning;
    room.remedy = "set `memory` in tidemark.yaml to half of what this machine has, or less";
  }
  tell_(room);
}

void Checkup::folder() {
  const fs::path path = workspace_.project().root / state_folder;
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0) {
    tell_({Kind::good, "folder .tidemark", "is not there yet; the first run makes it"});
    return;
  }
  Finding finding{Kind::good, "folder .tidemark", "is this user's"};
  if (about.st_uid != ::geteuid()) {
    finding = {Kind::warning, finding.what, "belongs to another user",
               "run Tidemark as that user always, or give the folder to this one: chown -R"};
  } else if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    finding = {Kind::warning, finding.what, "others may look or write into it",
               "chmod go= " + path.string() + ": it holds the store, and rows of sources"};
  }
  tell_(finding);
}

void Checkup::secret_files() {
  for (const fs::path& path : workspace_.secret_files()) {
    struct stat about{};
    if (::stat(path.c_str(), &about) != 0 || (about.st_mode & (S_IRGRP | S_IROTH)) == 0) continue;
    tell_({Kind::warning, "file " + path.string(), "it holds a secret, and others may read it",
           "chmod go= " + path.string() +
               ": its owner alone needs it, unless a container is given it so"});
  }
}

void Checkup::owner() {
  const auto holder = lock_holder(workspace_.project().root / state_folder);
  if (!holder.ok()) return;  // no folder, no owner
  tell_({Kind::good, "owner",
         *holder ? fmt::format("process {}: {}", (*holder)->pid, (*holder)->command)
                 : std::string("nobody has the project now")});
}

Status Checkup::store() {
  const ProjectSpec& project = workspace_.project();
  if (!workspace_.has_store()) {
    tell_({Kind::good, "store", "is not there yet; the first run makes it"});
    return {};
  }
  // Brings its tables to this version where nobody did.
  const auto opened = workspace_.store();
  if (!opened.ok()) {
    tell_(of_error("store", opened.error()));
    return {};
  }
  auto database = open_store_database(project.store, project.root, around_.files, around_.clock);
  if (!database.ok()) {
    tell_(of_error("store", database.error()));
    return {};
  }
  const bool is_file = project.store.sqlite_path().has_value();
  std::string whole = "ok";
  milliseconds apart{};
  const auto began = around_.clock.monotonic();
  Status asked = (*database)->read([&](SqlSession& session) -> Status {
    TM_TRY(const UtcMicros there, session.now());
    const std::int64_t ahead = there.get() - around_.clock.now_utc().get();
    apart = std::chrono::duration_cast<milliseconds>(std::chrono::microseconds(std::abs(ahead)));
    return {};
  });
  const auto took = std::chrono::duration_cast<milliseconds>(around_.clock.monotonic() - began);
  if (asked.ok() && is_file) {
    asked = (*database)->read([&](SqlSession& session) -> Status {
      TM_TRY(SqlStatement check, session.prepare("PRAGMA quick_check(1)"));
      TM_TRY(const bool told, check.step());
      if (told) whole = std::string(check.text_at(0));
      return {};
    });
  }
  if (!asked.ok()) {
    tell_(of_error("store", asked.error()));
    return {};
  }
  const std::string name = (*database)->name();
  if (whole != "ok") {
    tell_({Kind::fault, "store", name + " is damaged: " + whole,
           "stop Tidemark, keep a copy of the file, and put the last backup in its place; the "
           "targets' ledgers know what is loaded"});
    return {};
  }
  Finding finding{Kind::good, "store", name + " answers in " + show_duration(took)};
  if (took > slow_store) {
    finding.kind = Kind::warning;
    finding.remedy =
        "each step of a run waits for the store: bring it nearer, or look what slows "
        "its disk";
  }
  if (apart > clocks_apart_max) {
    finding.kind = Kind::warning;
    finding.found += "; its clock and this machine's are " + show_duration(apart) + " apart";
    finding.remedy = "let both follow a time server; until then times are by the store's clock";
  }
  tell_(finding);
  if (!is_file) {
    TM_TRY(const TlsTrust trust, postgres::tls_trust(project.store.place));
    if (trust == TlsTrust::none || trust == TlsTrust::unverified)
      tell_({Kind::warning, "store", "TLS: " + std::string(to_string(trust)), tls_remedy});
  }
  return {};
}

void Checkup::cache() {
  const auto& spec = workspace_.project().cache;
  if (!spec) return;
  const auto address = redis::parse_address(spec->address);
  if (!address.ok() || is_local_host(address->host)) return;
  tell_({Kind::warning, "cache",
         "without TLS: who is in between may read the answers that are kept, and the password",
         "put a tunnel between where the network is not yours: a cache is reached without TLS"});
}

void Checkup::volumes() {
  const ProjectSpec& project = workspace_.project();
  std::map<fs::path, std::string> places{{project.root, "the project"}};
  if (!project.stage.path.starts_with("s3://"))
    places[project.root / project.stage.path] = "the stage";
  if (const auto file = store_file(project.store, project.root))
    places[file->parent_path()] = "the store";
  std::map<fs::path, std::pair<VolumeSpace, std::string>> volumes;
  for (const auto& [path, use] : places) {
    const auto space = volume_space(path);
    if (!space.ok()) {
      tell_(of_error("volume of " + use, space.error()));
      continue;
    }
    auto& volume = volumes[space->mount];
    volume.first = *space;
    volume.second += (volume.second.empty() ? "" : ", ") + use;
  }
  for (const auto& [mount, volume] : volumes) {
    const auto& [space, use] = volume;
    Finding finding{Kind::good, "volume " + mount.string(),
                    show_bytes(space.free) + " of " + show_bytes(space.all) + " free, for " + use};
    if (space.free < free_bytes_min) {
      finding.kind = Kind::fault;
    } else if (space.free < free_bytes_enough &&
               static_cast<double>(space.free) < static_cast<double>(space.all) * free_part_min) {
      finding.kind = Kind::warning;
    }
    if (finding.kind != Kind::good) {
      finding.remedy =
          "free some: `tidemark stage clean --dry-run` tells what nothing wants any "
          "more; docs/runbooks/disk-full.md";
    }
    tell_(finding);
  }
}

void Checkup::last_runs() {
  const Status added = add_last_runs();
  if (!added.ok()) tell_(of_error("runs", added.error()));
}

Status Checkup::add_last_runs() {
  if (!workspace_.has_store()) return {};
  TM_TRY(Store * store, workspace_.store());
  int good = 0;
  for (const JobSpec& job : workspace_.jobs()) {
    if (!job.enabled) continue;
    TM_TRY(const std::optional<RunRecord> last, store->last_run(job.name));
    if (!last) continue;
    const RunStatus status = last->status();
    if (status != RunStatus::failed && status != RunStatus::blocked) {
      ++good;
      continue;
    }
    const std::string why = last->error ? last->error->message : std::string("without a reason");
    const std::string hint = last->error ? last->error->hint : std::string();
    tell_({Kind::fault, "job " + job.name.get(),
           "its last run " +
               std::string(status == RunStatus::failed ? "failed: " : "is blocked: ") + why,
           hint.empty() ? "`tidemark show " + last->run.get() + "` tells more" : hint});
  }
  if (good > 0) {
    tell_({Kind::good, "jobs",
           fmt::format("the last run of {} {} ended well", show_count(good),
                       good == 1 ? "job" : "jobs")});
  }
  return {};
}

Status Checkup::stages(Cancel& cancel) {
  const auto survey = workspace_.survey_stages({}, cancel);
  TM_CHECK(cancel.check());
  if (!survey.ok()) {
    tell_(of_error("stages", survey.error()));
    return {};
  }
  std::int64_t bytes = 0;
  std::int64_t unwanted = 0;
  for (const SurveyedStage& stage : survey->stages) {
    bytes += stage.bytes;
    if (!is_kept(stage.verdict.reason)) unwanted += stage.bytes;
  }
  std::string text =
      show_count(static_cast<std::int64_t>(survey->stages.size())) + " stand, " + show_bytes(bytes);
  if (unwanted > 0) text += "; `tidemark stage clean` would free " + show_bytes(unwanted);
  tell_({Kind::good, "stages", std::move(text)});
  return {};
}

}  // namespace tidemark
