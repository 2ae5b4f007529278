// Api: what a request goes through before and after its handler: its id, who asks, whether they
// may, what its path, query and body say, whether it was done before, the account of what was done,
// and the headers of every answer.
//
// Default deny: without a token of this project nothing is answered but health. Owned by who
// serves, and outlives the server that calls its handlers, from any thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access/access.h"
#include "api/kept_answers.h"
#include "api/router.h"
#include "drivers/http/address_rules.h"
#include "drivers/http/http.h"
#include "env/randomness.h"
#include "observe/log.h"

namespace tidemark {

struct ApiParts {
  Access& access;
  const Clock& clock;
  Randomness& randomness;  // safe from any thread
  KeptAnswers& answers;
  std::vector<IpNetwork> proxies = {};  // that say whose a request is
  Log& log = process_log();
};

class Api {
 public:
  Api(ApiParts parts, std::vector<Route> routes)
      : parts_(std::move(parts)), router_(std::move(routes)) {}

  // They refer to this.
  HttpHandlers handlers();
  const Router& router() const { return router_; }

 private:
  // A request as far as its head says what it is.
  struct Entered {
    const Route* route = nullptr;  // nothing: OPTIONS
    Principal who;
    RouteMatch match;
  };

  HttpAdmission admit(const HttpRequest& head);
  void handle(HttpExchange& exchange);
  HttpResponse refuse(int status, std::string_view what);
  std::string id_of(const HttpRequest& head);
  // `allow`: what the path takes, where it is one.
  Result<Entered> enter(const HttpRequest& head, std::string& allow);
  // The same without waiting; nothing where that cannot tell.
  std::optional<Result<Entered>> enter_at_once(const HttpRequest& head, std::string& allow);
  Result<Entered> enter_as(const HttpRequest& head, std::string& allow,
                           const std::function<Result<Principal>(const std::string&)>& who);
  // A request that was answered, as a line of the log.
  void tell(const HttpRequest& raw, const Entered* known, int status,
            std::chrono::nanoseconds took);
  Status check_role(const Entered& entered, const HttpRequest& raw, const std::string& id);
  // Of a request that ends with this error before it is known what it is.
  void note_refusal(const Error& error, const HttpRequest& raw, const std::string& id);
  std::string client_of(const HttpRequest& raw) const;
  Result<ApiRequest> read(const HttpRequest& request, const Entered& entered,
                          const std::string& id);
  HttpResponse perform(const Entered& entered, const ApiRequest& request, const HttpRequest& raw);
  HttpResponse perform_once(const Entered& entered, const ApiRequest& request,
                            const HttpRequest& raw, const std::string& key);
  struct Answered {
    HttpResponse response;
    Status noted;  // the account of it is kept
  };
  Answered answer(const Entered& entered, const ApiRequest& request, const HttpRequest& raw);
  // What somebody did or was refused, and on whom or what.
  struct Done {
    const Entered& entered;
    std::string on;
  };
  Status note(const Done& done, const HttpRequest& raw, const std::string& id, int status,
              bool is_refused);
  HttpResponse complete(HttpResponse response, const HttpRequest& raw, const std::string& id) const;

  const ApiParts parts_;
  const Router router_;
};

}  // namespace tidemark
