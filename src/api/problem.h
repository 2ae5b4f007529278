// Problem: an Error as an answer of HTTP: application/problem+json (RFC 9457) with our own code,
// fault, hint and context. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "drivers/http/http.h"
#include "drivers/json/json.h"

namespace tidemark {

// The status that goes with an Error: by its code, else by whose fault it is.
int status_of(const Error& error);
// As RFC 9110 names it; `Error` for one that it does not.
std::string_view status_words(int status);
JsonValue problem_document(const Error& error, std::string_view request_id);
HttpResponse problem(const Error& error, std::string_view request_id);
// For a status that has to be another than the Error's own.
HttpResponse problem(int status, const Error& error, std::string_view request_id);

}  // namespace tidemark
