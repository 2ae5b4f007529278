#include "base/error.h"

#include <utility>

namespace tidemark {

std::string_view to_string(Fault fault) {
  switch (fault) {
    case Fault::user:
      return "user";
    case Fault::source:
      return "source";
    case Fault::target:
      return "target";
    case Fault::internal:
      return "internal";
  }
  return "internal";
}

std::string_view to_string(Retry retry) {
  switch (retry) {
    case Retry::never:
      return "never";
    case Retry::backoff:
      return "backoff";
    case Retry::reconnect:
      return "reconnect";
  }
  return "never";
}

Error&& Error::with_context(std::string what) && {
  context.push_back(std::move(what));
  return std::move(*this);
}

Error&& Error::with_hint(std::string what) && {
  hint = std::move(what);
  return std::move(*this);
}

std::string Error::describe() const {
  std::string text = message;
  for (const std::string& what : context) {
    text += " (while ";
    text += what;
    text += ")";
  }
  return text;
}

namespace {
Error make(std::string code, Fault fault, Retry retry, std::string message, std::string hint) {
  return Error{std::move(code), fault, retry, std::move(message), {}, std::move(hint)};
}
}  // namespace

Error user_error(std::string code, std::string message, std::string hint) {
  return make(std::move(code), Fault::user, Retry::never, std::move(message), std::move(hint));
}

Error source_error(std::string code, std::string message, Retry retry, std::string hint) {
  return make(std::move(code), Fault::source, retry, std::move(message), std::move(hint));
}

Error target_error(std::string code, std::string message, Retry retry, std::string hint) {
  return make(std::move(code), Fault::target, retry, std::move(message), std::move(hint));
}

Error internal_error(std::string code, std::string message, Retry retry, std::string hint) {
  return make(std::move(code), Fault::internal, retry, std::move(message), std::move(hint));
}

}  // namespace tidemark
