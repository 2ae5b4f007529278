// Router: which route a request is for, and the request as values. What is not plainly good is
// refused: invalid UTF-8, NUL, `..`, encoded slashes, parameters that nobody knows.
//
// Made once from the table of routes; read-only after; any thread.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/route.h"

namespace tidemark {

// Where a path leads.
struct RouteMatch {
  std::map<std::string, const Route*> methods;  // by name; empty: nowhere
  std::map<std::string, std::string> path;      // of the parameters
  // As a header has them: with HEAD beside GET, and OPTIONS.
  std::string allow() const;
};

class Router {
 public:
  explicit Router(std::vector<Route> routes);
  // `api.bad_path` where the path cannot be read.
  Result<RouteMatch> match(std::string_view path) const;
  const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
  std::vector<std::vector<std::string>> patterns_;  // of each route, its parts
};

// `a=1&b=x%20y`; `+` is a space. `api.bad_query` where it cannot be read,
// `api.unknown_parameter`, `api.parameter_twice`.
Result<std::map<std::string, std::string>> read_query(std::string_view query,
                                                      const std::vector<std::string>& known);

}  // namespace tidemark
