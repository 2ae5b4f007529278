// The commands about who may do what, as the parser knows them.
#include "cli/command_parser.h"

namespace tidemark {

void add_commands_of_access(CLI::App& app, Arguments& arguments) {
  CommandLine& line = arguments.line;
  CLI::App* token = app.add_subcommand("token", "Make, list and revoke tokens for the API");
  token->group("Commands");
  token->require_subcommand(1);
  token->footer(
      "Nobody may do anything over the network without a token of the project. A viewer sees "
      "jobs,\n"
      "runs and states, but no rows; an operator also runs jobs and sees refused rows; an editor "
      "also\nedits jobs; an admin also has tokens, secrets and the audit log.");
  CLI::App* create = add_command(
      *token, line,
      {.name = "create",
       .about = "Make a token, and show it once",
       .more = "On stdout the token alone. The store has its hash: nobody can show it again. "
               "Whoever has the\nproject's folder may do this; the API makes no first admin.",
       .example = "token create ci --role operator --jobs 'sales_*' --expires 90d"});
  create->add_option("NAME", line.names, "Who or what it is for, one word")
      ->type_name("")
      ->expected(1)
      ->required();
  create->add_option("--role", line.token_role, "What it may do; default: viewer")
      ->type_name("viewer|operator|editor|admin")
      ->check(CLI::IsMember({"viewer", "operator", "editor", "admin"}).description(""));
  create
      ->add_option("--jobs", line.token_jobs,
                   "Only for these jobs, with * for any text; may be given again; default: all")
      ->type_name("PATTERN")
      ->allow_extra_args(false);
  create->add_option("--expires", arguments.expires, "After this time, or `never`; default: 90d")
      ->type_name("DURATION");
  add_command(*token, line,
              {.name = "list",
               .about = "List the tokens, with those that ended in the last 90 days",
               .example = "token list"});
  CLI::App* revoke = add_command(*token, line,
                                 {.name = "revoke",
                                  .about = "Let a token be refused from now on",
                                  .more = "A service that runs refuses it within two seconds.",
                                  .example = "token revoke ID      (`tidemark token list` lists "
                                             "the ids)"});
  revoke->add_option("ID", line.names, "The token's id")->type_name("")->expected(1)->required();
  CLI::App* audit =
      add_command(app, line,
                  {.name = "audit",
                   .about = "Show who did what: commands that change something, and the API",
                   .more = "Newest first. `audit:` in tidemark.yaml says how long it is kept.",
                   .example = "audit --limit 100"});
  add_limit(audit, line, "How many, 1 to 1000; default: 20");
}

void add_commands_of_secrets(CLI::App& app, CommandLine& line) {
  CLI::App* secret = app.add_subcommand("secret", "Keep the secrets of connections in the store");
  secret->group("Commands");
  secret->require_subcommand(1);
  secret->footer(
      "`password: ${secret:NAME}` in tidemark.yaml uses one. Each is sealed with a key of its own, "
      "and\nthat with the project's key, which is not in the store: `secrets:` in tidemark.yaml "
      "says where.");
  const auto named = [&](CLI::App* command) {
    command->add_option("NAME", line.names, "The secret's name")
        ->type_name("")
        ->expected(1)
        ->required();
  };
  named(add_command(
      *secret, line,
      {.name = "set",
       .about = "Keep a secret, or another value of it",
       .more = "The value comes on stdin, or is asked for on a terminal, where it is not shown; "
               "one line end\nat its end is left out. Connections that are made from now on use "
               "it.",
       .example = "secret set shop_password < FILE"}));
  add_command(*secret, line,
              {.name = "list",
               .about = "List the secrets: names and versions, no values",
               .more = "Nothing shows a value.",
               .example = "secret list"});
  named(add_command(
      *secret, line,
      {.name = "remove", .about = "Forget a secret", .example = "secret remove shop_password"}));
  add_command(*secret, line,
              {.name = "rotate",
               .about = "Seal all secrets with a new key, while they are used",
               .more = "Where some are not sealed with the first key of the key's file yet, with "
                       "that one: so one that\nwas stopped goes on. The file keeps the key before. "
                       "With a key in the environment, put the new\none before the old.",
               .example = "secret rotate"});
}

}  // namespace tidemark
