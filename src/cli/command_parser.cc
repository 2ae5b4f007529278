#include "cli/command_parser.h"

#include <utility>

#include "base/version.h"

namespace tidemark {
namespace {

std::string exit_code_line() {
  std::string line = "Exit codes: ";
  for (const ExitCode& exit : exit_codes) {
    if (line.back() != ' ') line += "; ";
    line += std::to_string(exit.code) + " " + exit.brief;
  }
  return line + ".";
}

}  // namespace

CLI::App* add_command(CLI::App& app, CommandLine& line, const CommandText& text) {
  CLI::App* command = app.add_subcommand(text.name, text.about);
  command->group("Commands");
  const std::string group = app.get_parent() == nullptr ? "" : app.get_name() + " ";
  command->callback([&line, name = group + text.name] { line.command = name; });
  command->add_option("--project", line.project, "The project's folder; default: the current one")
      ->type_name("DIR");
  command->add_flag("--json", line.json,
                    "Print one JSON document on stdout; words for people go to stderr");
  const std::string more = text.more;
  command->footer((more.empty() ? "" : more + "\n\n") + "Example:\n  tidemark " + text.example);
  return command;
}

void add_limit(CLI::App* command, CommandLine& line, const char* help) {
  command->add_option("--limit", line.limit, help)
      ->type_name("COUNT")
      ->check(CLI::Range(1, 1000).description(""));
}

namespace {

CLI::App* add(CLI::App& app, CommandLine& line, const CommandText& text) {
  return add_command(app, line, text);
}

// The positional words of a command; `count` 0: any number, also none.
CLI::Option* add_names(CLI::App* command, CommandLine& line, const char* name, int count,
                       const char* help) {
  CLI::Option* option = command->add_option(name, line.names, help)->type_name("");
  if (count > 0) option->required()->expected(count);
  return option;
}

void add_commands_before_a_run(CLI::App& app, CommandLine& line) {
  CLI::App* init = add(app, line,
                       {.name = "init",
                        .about = "Make a small project that runs",
                        .more = "Writes tidemark.yaml, one job and a CSV file. Never over a file "
                                "that is there.",
                        .example = "init my-project"});
  add_names(init, line, "DIR", 0, "The folder to make; default: the project's folder")->expected(1);
  add(app, line,
      {.name = "validate",
       .about = "Check the project's files and list every fault",
       .more = "Each fault with its place in the file and what to write instead. Connects to "
               "nothing but\nthe project's store, for the jobs that stand there.",
       .example = "validate"});
  CLI::App* plan = add(app, line,
                       {.name = "plan",
                        .about = "Show what a run would do, and change nothing",
                        .more = "The window, what the source is asked, the tables and statements "
                                "of the load, and the\nguarantee with its reason.",
                        .example = "plan orders"});
  add_names(plan, line, "JOB", 1, "The job: a file jobs/JOB.yaml");
}

void add_wait(CLI::App* command, Arguments& arguments) {
  command
      ->add_option("--wait", arguments.wait,
                   "How long to wait while another process owns the project, e.g. 30s; default: "
                   "not at all")
      ->type_name("DURATION");
}

void add_quiet(CLI::App* command, CommandLine& line) {
  command->add_flag("--quiet", line.quiet, "Show no progress");
}

void add_run_options(CLI::App* command, Arguments& arguments) {
  command->add_flag(
      "--allow-empty", arguments.line.allow_empty,
      "Let an empty or shrunken source replace the rows of a `load: full` table, or an "
      "empty one take all rows out of one that is swept");
  add_wait(command, arguments);
  add_quiet(command, arguments.line);
}

void add_log_level(CLI::App* command, Arguments& arguments) {
  command
      ->add_option("--log-level", arguments.log_levels,
                   "What is told on stderr, in the place of `log` in tidemark.yaml: trace, debug, "
                   "info, warn or error; may be given again")
      ->type_name("[COMPONENT=]LEVEL")
      ->allow_extra_args(false);  // what stands behind it is a job
}

void add_commands_that_run(CLI::App& app, Arguments& arguments) {
  CommandLine& line = arguments.line;
  CLI::App* run =
      add(app, line,
          {.name = "run",
           .about = "Run jobs: read what is new and load it",
           .more = "One run for each job, one after the other. A job with nothing new is skipped. "
                   "Whatever\nhappens, run it again: nothing is lost and nothing is doubled.",
           .example = "run orders customers"});
  add_names(run, line, "JOB", 0, "The jobs, in the order to run them");
  run->add_flag(
      "--same-source", line.same_source,
      "Go on where a run is blocked because the source changed: you know that it lost nothing");
  run->add_flag("--accept-drift", line.accept_drift,
                "Take the source's columns as they are now, as `schema_drift: evolve` would: you "
                "have seen how they differ");
  run->add_flag("--sweep", line.sweep,
                "Compare all keys with the source's now, whenever that was done last: `deletes` of "
                "the job");
  run->add_flag(
      "--accept-deletes", line.accept_deletes,
      "Take out all rows that a sweep finds gone from the source: you have seen how many");
  run->add_flag("--in-quiet-hours", line.in_quiet_hours,
                "Read from sources also in their quiet hours");
  run->add_flag("--all", line.all, "Every enabled job, each after the jobs its `after` names");
  run->add_flag(
      "--full", line.full,
      "Read everything again, whatever is loaded; with `load: append` the rows read replace "
      "all rows of the table");
  add_log_level(run, arguments);
  add_run_options(run, arguments);
  CLI::App* replay = add(
      app, line,
      {.name = "replay",
       .about = "Load again what a past run staged",
       .more =
           "With the job's steps and rules as they are now, or with --as-it-was as they were. The "
           "source is\nnot read. This is how a run goes on that `stop_above` stopped.\n\nWith --to "
           "the rows go into a new table of the schema tidemark_trials, to look at:\nwhat a "
           "changed "
           "rule does to old rows, what a window held. The job's own table, watermark\nand "
           "quarantine stay as they are.\n\nWith --quarantined the refused rows of a job are tried "
           "again, after its rules, its steps or a\nlookup table were mended: those that pass now "
           "are loaded, each once; the others stay in\nquarantine. Of several versions of a key "
           "only "
           "the newest is taken, and none where a newer\none is loaded. Rows that were edited are "
           "tried as they were edited. With --id only the rows named.",
       .example = "replay RUN      (`tidemark runs` lists the ids)\n"
                  "  tidemark replay RUN --to warehouse\n"
                  "  tidemark replay --quarantined orders\n"
                  "  tidemark replay --quarantined orders --id ID"});
  add_names(replay, line, "RUN", 1, "The run's id; with --quarantined the job");
  CLI::Option* quarantined = replay->add_flag("--quarantined", line.quarantined,
                                              "Load the refused rows of a job that pass now");
  replay
      ->add_option("--to", line.to, "Load into a new table of that connection, named after the run")
      ->type_name("CONNECTION")
      ->check(CLI::Validator(
          [](const std::string& name) {
            return name.empty() || name.front() == '-' ? std::string("name a connection")
                                                       : std::string();
          },
          ""))
      ->excludes(quarantined);
  replay
      ->add_option("--id", line.row_ids,
                   "Only this refused row of the job; may be given again, 100 times at most")
      ->type_name("ID")
      ->allow_extra_args(false)
      ->expected(1, 100)
      ->needs(quarantined);
  replay->add_flag("--as-it-was", line.as_it_was, "With the job as it was in that run")
      ->excludes(quarantined);
  add_run_options(replay, arguments);
}

void add_verify(CLI::App& app, Arguments& arguments) {
  CommandLine& line = arguments.line;
  CLI::App* verify = add(
      app, line,
      {.name = "verify",
       .about = "Compare a job's target with its source, and repair what differs",
       .more =
           "Every row that the windows so far were to bring, as the source has it now, is held "
           "against the\ntarget: counts and hashes by parts of the key, then row by row where a "
           "part differs. A job\nwithout steps is compared column by column as it is read; of a "
           "job with steps the source's rows\nare transformed first. Rows that changed since the "
           "last window are left out.\n\nParts that were proved equal are not read again while "
           "their target rows, and the keys and\nwatermarks of their source rows, are the same. "
           "Exit code 1 when rows are missing or different\nand were not repaired.",
       .example = "verify orders\n  tidemark verify orders --repair"});
  add_names(verify, line, "JOB", 1, "The job: a file jobs/JOB.yaml");
  verify->add_flag("--repair", line.repair,
                   "Load the rows that are missing or different, in one run");
  verify->add_flag("--all", line.all, "Read also the parts that were proved equal before");
  verify
      ->add_option("--budget", arguments.budget,
                   "Read no further part of the source after this time, e.g. 10m; the next time "
                   "begins with what is left")
      ->type_name("DURATION");
  verify->add_flag("--in-quiet-hours", line.in_quiet_hours,
                   "Read from sources also in their quiet hours");
  add_wait(verify, arguments);
  add_quiet(verify, line);
}

void add_commands_that_look(CLI::App& app, Arguments& arguments) {
  CommandLine& line = arguments.line;
  CLI::App* runs = add(app, line,
                       {.name = "runs",
                        .about = "List past runs, newest first",
                        .example = "runs orders --limit 5"});
  add_names(runs, line, "JOB", 0, "Only runs of this job")->expected(1);
  add_limit(runs, line, "How many, 1 to 1000; default: 20");
  CLI::App* show = add(app, line,
                       {.name = "show",
                        .about = "Show one run whole: windows, counts, steps, error",
                        .example = "show RUN      (`tidemark runs` lists the ids)"});
  add_names(show, line, "RUN", 1, "The run's id");
  add_quarantine(app, arguments);
  CLI::App* query = add(app, line,
                        {.name = "query",
                         .about = "Ask a database of the project a question in its SQL",
                         .example = "query warehouse \"select count(*) from orders\""});
  query->add_option("CONNECTION", arguments.connection, "The name of a connection")
      ->type_name("")
      ->required();
  query->add_option("SQL", arguments.sql, "One SELECT, in quotes, in the SQL of that database")
      ->type_name("")
      ->required();
  query->callback([&arguments] {
    arguments.line.command = "query";
    arguments.line.names = {arguments.connection, arguments.sql};
  });
}

void add_schedule(CLI::App& app, CommandLine& line) {
  CLI::App* schedule =
      add(app, line,
          {.name = "schedule",
           .about = "Tell when jobs run by themselves",
           .more = "In UTC, and as the clock on the wall of the job's zone shows it. Without --to "
                   "the next ones\nfrom --from on; with it all of them. Connects to nothing.",
           .example = "schedule orders --from 2026-03-28 --to 2026-03-31"});
  add_names(schedule, line, "JOB", 0, "The jobs; without a name all that run by themselves");
  schedule->add_option("--from", line.from_time, "A day, or a moment of UTC; default: now")
      ->type_name("TIME");
  schedule->add_option("--to", line.to_time, "Up to this day or moment, which is left out")
      ->type_name("TIME");
  add_limit(schedule, line, "How many without --to, 1 to 1000; default: 20");
}

void add_status(CLI::App& app, CommandLine& line) {
  CLI::App* status = add(
      app, line,
      {.name = "status",
       .about = "Show what goes on: runs, fires that wait, failures",
       .more = "Runs with their heartbeat, and whether they are stuck; what waits, for its turn or "
               "its next\nattempt, and why; connections at rest; jobs whose newest run failed; how "
               "late runs begin; what\nholds a watermark; what is next.",
       .example = "status --watch"});
  status->add_flag("--watch", line.watch, "On a terminal draw it anew each second, until Ctrl-C");
}

void add_serve(CLI::App& app, Arguments& arguments) {
  CLI::App* serve = add(
      app, arguments.line,
      {.name = "serve",
       .about = "Run the project's jobs at their times, until it is stopped",
       .more = "Owns the project: other commands that run jobs wait for it. Every time is run "
               "once, also when the\nprocess dies in between; what passed while none was there "
               "is the job's `missed`. Edited jobs are\ntaken up while it runs. With a store in "
               "PostgreSQL several servers share the work, each with\nthe project's files in a "
               "folder of its own.\nCtrl-C or "
               "SIGTERM lets runs end; a second one stops at once, and nothing is lost.\nWith "
               "--json a document a line for everything that happens.",
       .example = "serve --project /srv/etl"});
  serve
      ->add_option("--drain", arguments.drain,
                   "How long runs may go on when it is stopped; default: 30s")
      ->type_name("DURATION");
  CommandLine& line = arguments.line;
  serve
      ->add_option("--role", line.role,
                   "What this server does of the work, where several share a store in PostgreSQL: "
                   "`scheduler` takes what is due, `worker` runs it; default: all")
      ->type_name("ROLE")
      ->check(CLI::IsMember({"all", "scheduler", "worker"}).description(""));
  serve
      ->add_option("--listen", line.listen,
                   "Where it listens for requests over HTTP, in the place of `api: {listen}`; port "
                   "0: any that is free")
      ->type_name("ADDRESS:PORT");
  serve
      ->add_option("--label", line.labels,
                   "A label that this server has: it runs jobs with that `label` beside those "
                   "without one; may be given again")
      ->type_name("LABEL");
  add_log_level(serve, arguments);
  add_wait(serve, arguments);
}

void add_commands_of_the_stage(CLI::App& app, Arguments& arguments) {
  CommandLine& line = arguments.line;
  CLI::App* stage =
      app.add_subcommand("stage", "List, verify and clean what runs extracted and kept");
  stage->group("Commands");
  stage->require_subcommand(1);
  stage->footer(
      "A stage is what one run read of one stream: replays load it again. `stage: {keep: 7d}` in\n"
      "tidemark.yaml says how long it is kept; runs remove what is past its time.");
  CLI::App* list = add(*stage, line,
                       {.name = "list",
                        .about = "Show every stage, and why it is kept or would be removed",
                        .more = "Asks the targets what is loaded, and changes nothing.",
                        .example = "stage list orders"});
  add_names(list, line, "JOB", 0, "Only stages of this job")->expected(1);
  CLI::App* verify =
      add(*stage, line,
          {.name = "verify",
           .about = "Read every stage again and name each damaged file",
           .more = "Every segment is held against its SHA-256. Exit code 1 when one is damaged, "
                   "missing\nor not in its stage's list.",
           .example = "stage verify orders"});
  add_names(verify, line, "JOB|RUN", 0, "Only stages of this job, or of this run")->expected(1);
  add_quiet(verify, line);
  CLI::App* clean =
      add(*stage, line,
          {.name = "clean",
           .about = "Remove the stages that nothing wants any more",
           .more = "A stage goes when it is loaded, past its time, not the newest of its stream, "
                   "and neither\na run that goes on, a blocked run nor an open row in quarantine "
                   "wants it. With it go\nfolders that a dead run left. Exit code 1 when a target "
                   "could not be asked: its stages\nare kept.",
           .example = "stage clean --dry-run"});
  add_names(clean, line, "JOB", 0,
            "Only stages of this job; all of them, whatever their age, when its file is gone")
      ->expected(1);
  clean->add_flag("--dry-run", line.dry_run, "Say what would be removed, and remove nothing");
  clean->add_flag("--gone", line.gone, "Also all stages of jobs whose file is gone");
  add_wait(clean, arguments);
}

void add_commands_of_the_store(CLI::App& app, Arguments& arguments) {
  CommandLine& line = arguments.line;
  CLI::App* store = app.add_subcommand("store", "Move Tidemark's own database");
  store->group("Commands");
  store->require_subcommand(1);
  CLI::App* migrate =
      add(*store, line,
          {.name = "migrate",
           .about = "Copy the store into another system, for example into PostgreSQL",
           .more = "Everything in one transaction, counted; the other must be empty. Stop the "
                   "servers of the project\nfirst. A store is `sqlite:PATH`, or how to connect to "
                   "PostgreSQL; the password of one that\ntidemark.yaml does not name is taken "
                   "from PGPASSWORD. The old store stays as it is.",
           .example = "store migrate --to postgres://tidemark@db.example/tidemark\n"
                      "  tidemark store migrate --from sqlite:.tidemark/store.db"});
  migrate->add_option("--from", line.from_store, "The store to copy; default: the project's")
      ->type_name("STORE");
  migrate->add_option("--to", line.to_store, "Where it goes; default: the project's")
      ->type_name("STORE");
  migrate
      ->add_option("--schema", line.schema,
                   "The schema in PostgreSQL; default: the project's, or tidemark")
      ->type_name("NAME");
  add_wait(migrate, arguments);

  CLI::App* backup = add(
      app, line,
      {.name = "backup",
       .about = "Copy Tidemark's own database into a file, while it is used",
       .more = "The store as it is at one moment, from SQLite or PostgreSQL, into a SQLite file "
               "that is whole when it has\nits name. It holds no rows of the jobs; secrets in "
               "it are sealed, and their key is not in it.",
       .example = "backup /backups/tidemark-2026-11-23.db"});
  backup->add_option("FILE", line.backup_file, "The file to write; none is there yet")
      ->type_name("")
      ->required();
  CLI::App* restore =
      add(app, line,
          {.name = "restore",
           .about = "Put a backup in the place of Tidemark's own database",
           .more = "Stop the servers of the project first. Runs since the backup are not in the "
                   "history, but nothing is lost\nor doubled by that: what is loaded stands in the "
                   "targets, and the next runs go on from there. The\nstore must be empty or "
                   "missing, or a file that `--replace` puts aside.",
           .example = "restore /backups/tidemark-2026-11-23.db"});
  restore->add_option("FILE", line.backup_file, "What `tidemark backup` wrote")
      ->type_name("")
      ->required();
  restore->add_flag("--replace", line.replace,
                    "Where the store is a file: rename it, and take the backup in its place");
  restore->add_flag("--keep-tokens", line.keep_tokens,
                    "Do not revoke the tokens of the backup: none was revoked since it was made");
  add_wait(restore, arguments);
}

void add_commands_of_sources(CLI::App& app, CommandLine& line) {
  CLI::App* source = app.add_subcommand("source", "Prepare the tables of a source");
  source->group("Commands");
  source->require_subcommand(1);
  CLI::App* prepare =
      add(*source, line,
          {.name = "prepare",
           .about = "Let the rows of a PostgreSQL table carry the transaction that wrote them",
           .more = "Prints the statements that add a column, a trigger and an index, and changes "
                   "nothing without\n--apply. With the column as `watermark` a job loses no row "
                   "whose transaction commits late, and\nwaits for none (`exact-upsert`). Rows of "
                   "before belong to a job's first window.",
           .example = "source prepare shop public.orders"});
  prepare->add_option("CONNECTION", line.names, "The name of a connection, and the table in it")
      ->type_name("TABLE")
      ->expected(2)
      ->required();
  prepare->add_option("--column", line.column, "The column's name; default: tidemark_xid")
      ->type_name("NAME");
  prepare->add_flag("--apply", line.apply,
                    "Run the statements; the table is locked for a moment, and waited for at most "
                    "two seconds");
}

void add_commands_of_connections(CLI::App& app, CommandLine& line) {
  CLI::App* connection = app.add_subcommand("connection", "Look at the systems of a project");
  connection->group("Commands");
  connection->require_subcommand(1);
  CLI::App* show = add(
      *connection, line,
      {.name = "show",
       .about = "Show how a connection is protected, and what is in use of it",
       .more = "The limits of its guard, the server and what the user may see of it, and "
               "every session of Tidemark\nthat is open there, from whatever machine. Exit code "
               "1 when a system cannot be asked.",
       .example = "connection show shop"});
  add_names(show, line, "CONNECTION", 0, "The connections; without a name all of them");
  CLI::App* test = add(
      *connection, line,
      {.name = "test",
       .about = "Connect, and plan every job that uses the connection",
       .more = "Changes nothing. Exit code 1 when it does not answer, or a job cannot be planned; "
               "each fault comes with\nwhat to do about it.",
       .example = "connection test shop"});
  add_names(test, line, "CONNECTION", 0, "The connections; without a name all of them");
}

void add_commands_about_the_program(CLI::App& app, CommandLine& line) {
  add(app, line,
      {.name = "doctor",
       .about = "Look at all that the project needs, and say what to do about what is wrong",
       .more = "The files, this machine, the project's folder, its store and its volumes, every "
               "connection, the last run\nof every job, the stage. Changes nothing. Exit code 1 "
               "when something does not work; a warning is what works\nnow, but may not for long.",
       .example = "doctor"});
  CLI::App* schema = add(app, line,
                         {.name = "schema",
                          .about = "Print a JSON Schema of the project's files, for editors",
                          .example = "schema job > job.schema.json"});
  add_names(schema, line, "KIND", 0, "`job` (default): jobs/*.yaml; `project`: tidemark.yaml")
      ->expected(1)
      ->check(CLI::IsMember({"job", "project"}).description(""));
  schema
      ->add_option("--docs", line.docs,
                   "Write the whole reference (pages and schemas) into this folder instead")
      ->type_name("DIR");
  add(app, line,
      {.name = "version",
       .about = "Print the versions of Tidemark and of its engine",
       .example = "version --json"});
}

void add_backfill(CLI::App& app, Arguments& arguments) {
  CommandLine& line = arguments.line;
  CLI::App* backfill = add(
      app, line,
      {.name = "backfill",
       .about = "Run a job's past again, in parts",
       .more =
           "`backfill JOB --from A --to B` cuts what lies between two values of the watermark into "
           "parts and\nruns each, with the job as it is now. The watermark stays. An upsert merges "
           "rows by key; of an\nappend the rows that stand there make place. Said again, the same "
           "command goes on where it was.\n\n"
           "`backfill list [JOB]` shows them, `backfill show ID` one with its parts; `pause ID`, "
           "`resume ID`\nand `cancel ID` from any terminal; `retry ID` runs the parts that failed "
           "again.",
       .example = "backfill orders --from 2026-01-01 --to 2026-04-01 --by 1mo"});
  add_names(backfill, line, "JOB|list|show|pause|resume|cancel|retry", 0,
            "The job; or a word, and which job or backfill: list JOB, show ID")
      ->required()
      ->expected(1, 2);
  backfill
      ->add_option("--from", line.from_time,
                   "Where it begins: a day, a moment, or a number, as the watermark is")
      ->type_name("VALUE");
  backfill
      ->add_option("--to", line.to_time,
                   "Where it ends, itself left out; default, and at most: the watermark")
      ->type_name("VALUE");
  backfill
      ->add_option("--by", line.by,
                   "How long a part is: 1h, 1d, 1w, 1mo, 1y, or how many of a number; default: "
                   "some ten to a hundred parts")
      ->type_name("LENGTH");
  backfill->add_option("--order", line.order, "Which parts first; default: oldest")
      ->type_name("oldest|newest")
      ->check(CLI::IsMember({"oldest", "newest"}).description(""));
  backfill
      ->add_option("--rate-share", arguments.rate_share,
                   "How much of the rate that the source's guard allows; default: 50%")
      ->type_name("PERCENT");
  backfill
      ->add_option("--from-stage", line.from_stage,
                   "Load kept stages and not the source: where they have all rows of a part "
                   "(auto), or else fail (only); default: never")
      ->type_name("auto|only|never")
      ->check(CLI::IsMember({"auto", "only", "never"}).description(""));
  backfill->add_flag("--dry-run", line.dry_run, "Show the parts and an estimate, and run nothing");
  backfill->add_flag("--detach", line.detach,
                     "Leave the parts to `tidemark serve`, and do not wait for them");
  CLI::Option* downstream = backfill->add_flag_callback(
      "--downstream", [&line] { line.downstream = true; },
      "Run the jobs that come `after` this one when the backfill is done");
  backfill
      ->add_flag_callback(
          "--no-downstream", [&line] { line.downstream = false; }, "Do not run them; the default")
      ->excludes(downstream);
  backfill->add_flag("--allow-empty", line.allow_empty,
                     "Let a part without rows, or with far fewer, take the place of those of an "
                     "append");
  backfill->add_flag("--in-quiet-hours", line.in_quiet_hours,
                     "Read from the source also in its quiet hours");
  add_wait(backfill, arguments);
  add_quiet(backfill, line);
}

}  // namespace

std::unique_ptr<CLI::App> make_parser(Arguments& arguments) {
  auto app = std::make_unique<CLI::App>(
      "Tidemark moves data from operational systems into analytical stores, and proves that "
      "nothing was lost.",
      "tidemark");
  app->require_subcommand(1);
  app->set_help_flag("-h,--help", "Print this and exit");
  app->set_version_flag("--version", "tidemark " + std::string(version_text), "Print the version");
  app->get_formatter()->label("SUBCOMMAND", "COMMAND");
  app->get_formatter()->label("REQUIRED", "");
  app->footer(
      "Start with `tidemark init DIR`. `tidemark COMMAND --help` says more of each command.\n" +
      exit_code_line());
  add_commands_before_a_run(*app, arguments.line);
  add_commands_that_run(*app, arguments);
  add_verify(*app, arguments);
  add_backfill(*app, arguments);
  add_commands_that_look(*app, arguments);
  add_schedule(*app, arguments.line);
  add_serve(*app, arguments);
  add_report(*app, arguments.line);
  add_status(*app, arguments.line);
  add_commands_of_connections(*app, arguments.line);
  add_commands_of_sources(*app, arguments.line);
  add_commands_of_the_stage(*app, arguments);
  add_commands_of_the_store(*app, arguments);
  add_commands_of_alerts(*app, arguments);
  add_commands_of_access(*app, arguments);
  add_commands_of_jobs(*app, arguments);
  add_commands_of_secrets(*app, arguments.line);
  add_commands_about_the_program(*app, arguments.line);
  return app;
}

}  // namespace tidemark
