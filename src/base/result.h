// Result<T>: a value or an Error, since C++20 has no std::expected. No exception crosses our
// functions.
//
//   TM_TRY(auto rows, count_rows(table));   // rows, or return the Error to the caller
//   TM_CHECK(close(file));                  // the same for Result<void>
//
// Move-only where T is; no thread rule. Reading the value of a failed Result is a bug and aborts.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/assert.h"
#include "base/error.h"

namespace tidemark {

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  // So that a unique_ptr<Derived> is returned as a unique_ptr<Base>.
  template <class U>
    requires(std::is_convertible_v<U &&, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error> &&
             !std::is_same_v<std::remove_cvref_t<U>, Result<T>>)
  Result(U&& value) : state_(std::in_place_index<0>, std::forward<U>(value)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    TM_ASSERT(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    TM_ASSERT(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    TM_ASSERT(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& {
    TM_ASSERT(!ok());
    return *std::get_if<1>(&state_);
  }
  Error&& error() && {
    TM_ASSERT(!ok());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  void value() const { TM_ASSERT(ok()); }

  const Error& error() const& {
    TM_ASSERT(!ok());
    return *error_;
  }
  Error&& error() && {
    TM_ASSERT(!ok());
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace tidemark

#define TM_CONCAT_INNER(a, b) a##b
#define TM_CONCAT(a, b) TM_CONCAT_INNER(a, b)
#define TM_TRY_IMPL(name, declaration, expression) \
  auto name = (expression);                        \
  if (!name.ok()) return std::move(name).error();  \
  declaration = std::move(name).value()

// Declares (or assigns) from a Result, or returns its Error.
#define TM_TRY(declaration, ...) \
  TM_TRY_IMPL(TM_CONCAT(tm_try_, __LINE__), declaration, (__VA_ARGS__))

// Returns the Error of a Result whose value does not matter.
#define TM_CHECK(...)                                                                      \
  do {                                                                                     \
    if (auto tm_check = (__VA_ARGS__); !tm_check.ok()) return std::move(tm_check).error(); \
  } while (false)
