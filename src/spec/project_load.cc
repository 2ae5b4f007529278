#include "spec/project_load.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

#include "drivers/hash/hash.h"
#include "spec/calendar.h"
#include "spec/job_checks.h"
#include "spec/job_when.h"
#include "spec/job_yaml.h"
#include "spec/project_yaml.h"
#include "spec/stored_file.h"

namespace tidemark {

namespace {

constexpr std::size_t jobs_max = 10'000;

YamlDocument parse_document(const std::string& file, std::string text, Faults& faults) {
  YamlDocument document = YamlDocument::parse(std::move(text));
  for (const YamlFault& fault : document.faults())
    faults.add(file, place(fault.at), fault.message, fault.hint);
  return document;
}

// Reads one file of the project; a file that cannot be read is a fault, and reads as nothing.
std::optional<YamlDocument> read_document(const std::filesystem::path& root,
                                          const std::string& file, Faults& faults) {
  Result<std::string> content = read_project_file(root / file, YamlLimits{}.bytes_max);
  if (!content.ok()) {
    const bool missing = content.error().code == "spec.no_file";
    faults.add(
        file, {},
        missing ? "the file is missing" : "the file cannot be read: " + content.error().message,
        missing ? "run `tidemark init` to start a project, or name its folder with --project"
                : content.error().hint);
    return std::nullopt;
  }
  return parse_document(file, std::move(content).value(), faults);
}

// The job files of the project, sorted by name.
std::vector<std::string> job_files(const std::filesystem::path& root, Faults& faults) {
  std::vector<std::string> files;
  std::error_code problem;
  std::filesystem::directory_iterator entries(root / "jobs", problem);
  if (problem) {
    // A project without jobs yet is fine; a folder that cannot be read is not.
    if (problem != std::errc::no_such_file_or_directory) {
      faults.add("jobs", {}, "the folder cannot be read: " + problem.message());
    }
    return files;
  }
  while (entries != std::filesystem::directory_iterator{}) {
    const std::filesystem::path& path = entries->path();
    const std::string file = "jobs/" + path.filename().string();
    if (path.extension() == ".yaml") {
      files.push_back(file);
    } else if (path.extension() == ".yml") {
      faults.add(file, {}, "a job file must end in .yaml",
                 "rename it to " + path.stem().string() + ".yaml");
    }
    entries.increment(problem);
    if (problem) {
      faults.add("jobs", {}, "the folder cannot be read: " + problem.message());
      break;
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string job_file(const std::string& job) {
  return "jobs/" + job + ".yaml";
}

std::string stored_file(const std::string& job) {
  return std::string(stored_file_prefix) + job;
}

// Where the text of a job is.
struct JobPlace {
  std::string file;
  const std::string* stored = nullptr;  // null: in that file
};

// Those of files, by name, and behind them those of the store that no file has.
std::vector<JobPlace> job_places(const std::filesystem::path& root,
                                 const std::vector<StoredJobText>& stored, Faults& faults) {
  const std::vector<std::string> files = job_files(root, faults);
  std::vector<JobPlace> places;
  for (const std::string& file : files)
    places.push_back({file});
  for (const StoredJobText& job : stored) {
    if (!std::binary_search(files.begin(), files.end(), job_file(job.name)))
      places.push_back({stored_file(job.name), &job.text});
  }
  if (places.size() > jobs_max) {
    faults.add("jobs", {}, "the project has more than " + std::to_string(jobs_max) + " jobs",
               "make several projects of it");
    places.resize(jobs_max);
  }
  return places;
}

std::string hash_of(const JobTexts& texts) {
  std::string all;
  for (const auto& [file, text] : texts)
    all += file + '\0' + std::to_string(text.size()) + '\0' + text;
  return xxh3_hex(all);
}

// One job with what can be seen of it without the project and the other jobs.
ReadJob read_one_job(const YamlDocument& document, ReadContext& context, Faults& faults) {
  ReadJob job = read_job(document, context);
  job.spec.texts = context.sql_files();
  job.spec.texts[context.file()] = document.source();
  job.spec.content_hash = hash_of(job.spec.texts);
  check_job(job, faults);
  return job;
}

}  // namespace

const JobSpec* LoadedProject::find_job(std::string_view name) const {
  for (const JobSpec& job : jobs) {
    if (job.name.get() == name) return &job;
  }
  return nullptr;
}

std::vector<std::string> LoadedProject::job_names() const {
  std::vector<std::string> names;
  for (const JobSpec& job : jobs)
    names.push_back(job.name.get());
  return names;
}

LoadedProject load_project(const std::filesystem::path& dir, const ConnectorCatalog& catalog,
                           SqlCheck* sql_check, EnvironmentLookup environment, SecretLookup secrets,
                           const StoredJobTexts& stored) {
  LoadedProject loaded;
  Faults& faults = loaded.faults;
  const References references(dir, std::move(environment), std::move(secrets));

  // Without a readable list of connections every name in every job would look unknown.
  bool connections_known = false;
  if (std::optional<YamlDocument> document = read_document(dir, "tidemark.yaml", faults)) {
    ReadContext context({.root = dir,
                         .file = "tidemark.yaml",
                         .document = *document,
                         .faults = faults,
                         .references = &references});
    const bool broken = !document->faults().empty();
    if (!broken || document->root().kind != YamlKind::null) {
      loaded.project = read_project(*document, context, catalog);
      loaded.secret_files = context.secret_files();
    }
    connections_known = !broken && !loaded.project.connections.empty();
  }
  loaded.project.root = dir.lexically_normal();
  std::vector<StoredJobText> of_store;
  if (stored && faults.empty()) {
    auto asked = stored(loaded.project);
    if (asked.ok()) {
      of_store = *std::move(asked);
    } else {
      loaded.store_unasked = std::move(asked).error();
    }
  }
  read_calendar_files(dir, loaded.project.calendars, faults);

  std::vector<ReadJob> jobs;
  for (const JobPlace& job : job_places(dir, of_store, faults)) {
    const std::optional<YamlDocument> document =
        job.stored == nullptr ? read_document(dir, job.file, faults)
                              : parse_document(job.file, *job.stored, faults);
    if (!document) continue;
    ReadContext context({.root = dir,
                         .file = job.file,
                         .document = *document,
                         .faults = faults,
                         .sql_check = sql_check});
    jobs.push_back(read_one_job(*document, context, faults));
    if (!connections_known) continue;
    take_calendar(jobs.back().spec, loaded.project, faults);
    check_connections(jobs.back(), loaded.project, catalog, faults);
    check_query(jobs.back(), loaded.project, catalog, sql_check, faults);
  }
  take_writers(jobs, faults);
  check_jobs(jobs, faults);
  for (ReadJob& job : jobs)
    loaded.jobs.push_back(std::move(job.spec));
  if (!of_store.empty()) {
    std::sort(loaded.jobs.begin(), loaded.jobs.end(),
              [](const JobSpec& a, const JobSpec& b) { return a.name < b.name; });
  }
  faults.sort();
  return loaded;
}

Result<JobSpec> read_kept_job(const JobName& job, const JobTexts& texts) {
  std::string file = job_file(job.get());
  if (!texts.contains(file)) file = stored_file(job.get());
  const auto text = texts.find(file);
  if (text == texts.end())
    return internal_error("spec.kept_job", "the kept text of job `" + job.get() + "` is missing");
  Faults faults;
  const YamlDocument document = parse_document(file, text->second, faults);
  ReadContext context(
      {.root = {}, .file = file, .document = document, .faults = faults, .texts = &texts});
  ReadJob read = read_one_job(document, context, faults);
  if (faults.empty()) return std::move(read.spec);
  faults.sort();
  return faults.as_error().with_context("reading the kept text of job `" + job.get() + "`");
}

}  // namespace tidemark
