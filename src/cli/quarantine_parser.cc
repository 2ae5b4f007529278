// The commands about refused rows, as the parser knows them.
#include "cli/command_parser.h"

namespace tidemark {

void add_quarantine(CLI::App& app, Arguments& arguments) {
  CommandLine& line = arguments.line;
  CLI::App* quarantine = add_command(
      app, line,
      {.name = "quarantine",
       .about = "Show which rows of a job were refused, and why; edit one",
       .more =
           "Open rows, newest first: the rule, the reason, where the row stood, and its "
           "original.\n\n"
           "`quarantine show JOB ID` shows one row whole: its values, what was edited and what "
           "became of it.\n`quarantine edit JOB ID --set COLUMN=VALUE` edits it: the original "
           "stays, and `replay --quarantined\nJOB --id ID` loads the row as it was edited. A value "
           "must be one that the column holds exactly.\nColumns of the key and the watermark are "
           "changed in the source.",
       .example = "quarantine orders --export refused.csv\n"
                  "  tidemark quarantine edit orders ID --set amount=12.50 --null note"});
  quarantine
      ->add_option("JOB|show|edit", line.names, "The job; or a word, a job and a row: show JOB ID")
      ->type_name("")
      ->required()
      ->expected(1, 3);
  add_limit(quarantine, line, "How many rows, 1 to 1000; default: 20");
  quarantine
      ->add_option("--export", line.export_file,
                   "Write all of them, with their raw bytes, into a .csv, .jsonl or .parquet file")
      ->type_name("FILE");
  quarantine
      ->add_option("--set", line.row_sets, "Of `edit`: the value of a column; may be given again")
      ->type_name("COLUMN=VALUE")
      ->allow_extra_args(false);
  quarantine
      ->add_option("--null", line.row_nulls, "Of `edit`: NULL for a column; may be given again")
      ->type_name("COLUMN")
      ->allow_extra_args(false);
  quarantine
      ->add_option("--values", line.row_values,
                   "Of `edit`: the same as a JSON object of texts and nulls")
      ->type_name("JSON");
  quarantine
      ->add_option("--version", line.row_version,
                   "Of `edit`: only where the row is still as `show --json` told its `version`")
      ->type_name("VERSION");
  quarantine
      ->add_option("--wait", arguments.wait,
                   "Of `edit`: how long to wait while the job runs, or another process owns the "
                   "project; default: not at all")
      ->type_name("DURATION");
  // Of the API, for who asked it; edit_row() takes it from nobody else.
  quarantine->add_option("--by", line.by_whom)->group("");
}

}  // namespace tidemark
