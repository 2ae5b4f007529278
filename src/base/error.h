// Error: what went wrong, whose fault it is, whether to try again, and what a person should do.
//
// A value; copyable; no thread rule. The code that meets a failure builds the Error and classifies
// it from codes (SQLSTATE, errno, engine error type), never by matching text. Callers add context
// and pass it on; whoever ends its travel reports it once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

// Who has to act. `user`: a file or a command line of the project; `source`, `target`: the system
// there; `internal`: Tidemark itself, its store or its machine.
enum class Fault { user, source, target, internal };

// What a second try may bring. `backoff`: the same call later; `reconnect`: after a new connection.
enum class Retry { never, backoff, reconnect };

std::string_view to_string(Fault fault);
std::string_view to_string(Retry retry);

struct Error {
  // Stable, for programs: `area.what`, lower case, e.g. `source.file_changed`.
  std::string code;
  Fault fault = Fault::internal;
  Retry retry = Retry::never;
  // One sentence for people: what is wrong and where. Never holds a secret.
  std::string message;
  // From the innermost to the outermost: what was being done.
  std::vector<std::string> context;
  // What to do about it; empty when the message already says so.
  std::string hint;

  // Adds what the caller was doing, outermost last.
  Error&& with_context(std::string what) &&;
  Error&& with_hint(std::string what) &&;
  // message, then the context, as one line.
  std::string describe() const;
};

Error user_error(std::string code, std::string message, std::string hint = {});
Error source_error(std::string code, std::string message, Retry retry = Retry::never,
                   std::string hint = {});
Error target_error(std::string code, std::string message, Retry retry = Retry::never,
                   std::string hint = {});
Error internal_error(std::string code, std::string message, Retry retry = Retry::never,
                     std::string hint = {});

}  // namespace tidemark
