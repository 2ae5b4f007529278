#include "api/server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "drivers/json/json.h"
#include "store/sql_store.h"
#include "store/sqlite_database.h"

namespace tidemark {
namespace {

// Tokens are names of roles: `viewer`, or `viewer:orders` for one job alone.
class FakeAccess final : public Access {
 public:
  Result<Principal> enter(std::string_view bearer, std::string_view peer) override {
    asked_from.emplace_back(peer);
    const std::string text(bearer);
    const std::size_t colon = text.find(':');
    const auto role = role_named(text.substr(0, colon));
    if (!role) return user_error("access.denied", "no such token");
    Principal who{"id-" + text, "somebody", *role, {}};
    if (colon != std::string::npos) who.jobs = {text.substr(colon + 1)};
    return who;
  }
  std::optional<Result<Principal>> enter_at_once(std::string_view bearer,
                                                 std::string_view peer) override {
    return enter(bearer, peer);
  }
  Status note(const Deed& deed) override {
    deeds.push_back(deed);
    return fails ? Status(internal_error("store.busy", "the store is busy", Retry::backoff))
                 : Status();
  }
  std::vector<Deed> deeds;
  std::vector<std::string> asked_from;
  bool fails = false;

 private:
  static std::optional<Role> role_named(const std::string& name) {
    if (name == "viewer") return Role::viewer;
    if (name == "operator") return Role::operator_;
    if (name == "admin") return Role::admin;
    return std::nullopt;
  }
};

class FakeExchange final : public HttpExchange {
 public:
  explicit FakeExchange(HttpRequest request) : request_(std::move(request)) {}
  const HttpRequest& request() const override { return request_; }
  void answer(HttpResponse response) override {
    EXPECT_FALSE(answered);
    answered = std::move(response);
  }
  std::shared_ptr<HttpStream> stream(HttpResponse) override { return nullptr; }
  std::optional<HttpResponse> answered;

 private:
  HttpRequest request_;
};

// A store that is there as long as this is.
struct StoreInFolder {
  explicit StoreInFolder(const Clock& clock) {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-api-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    dir = name;
    EXPECT_TRUE(SqlStore::open_sqlite(dir / "store.db", clock).ok());
    database = open_sqlite_database(dir / "store.db", clock).value();
  }
  ~StoreInFolder() {
    database.reset();
    std::filesystem::remove_all(dir);
  }
  std::filesystem::path dir;
  std::unique_ptr<SqlDatabase> database;
};

class ApiTest : public testing::Test {
 protected:
  std::vector<Route> routes() {
    const auto say = [this](const ApiRequest& request) -> Answer {
      asked_.push_back(request);
      return json_answer(200, JsonValue().set("n", static_cast<int>(asked_.size())));
    };
    const auto same = [](const ApiRequest&) -> Answer {
      return json_answer(200, JsonValue().set("same", true));
    };
    const auto begin = [this](const ApiRequest& request) -> Answer {
      asked_.push_back(request);
      if (fail_with_) return *fail_with_;
      return made_answer(202, "/v1/runs/" + request.new_id, JsonValue().set("id", request.new_id));
    };
    Route start{"POST", "/v1/jobs/{job}/runs", "start_run", Role::operator_, Reach::job, {}, 1000,
                begin};
    start.deed = "run.start";
    start.once = true;
    return {{"GET", "/health/live", "live", std::nullopt, Reach::each, {}, 0, same},
            {"GET", "/v1/jobs/{job}", "get_job", Role::viewer, Reach::job, {"limit"}, 0, same},
            {"GET", "/v1/count", "count", Role::viewer, Reach::project, {}, 0, say},
            {"GET", "/v1/fails", "fails", Role::viewer, Reach::each, {}, 0, begin},
            start};
  }
  HttpRequest asking(const std::string& method, const std::string& target,
                     const std::string& token = "viewer") const {
    HttpRequest request;
    request.method = method;
    const std::size_t mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string::npos) request.query = target.substr(mark + 1);
    if (!token.empty()) request.headers.push_back({"authorization", "Bearer " + token});
    request.peer = "127.0.0.1";
    return request;
  }
  // As a server does it: admission first, and the body after.
  HttpResponse ask(const HttpRequest& request) {
    HttpRequest head = request;
    head.body.clear();
    const HttpAdmission admission = api_.handlers().admit(head);
    if (admission.refusal) return *admission.refusal;
    FakeExchange exchange(request);
    api_.handlers().handle(exchange);
    EXPECT_TRUE(exchange.answered.has_value());
    return exchange.answered.value_or(HttpResponse{});
  }
  HttpResponse ask(const std::string& method, const std::string& target,
                   const std::string& token = "viewer") {
    return ask(asking(method, target, token));
  }
  HttpResponse start(const std::string& key, const std::string& body = "{}",
                     const std::string& token = "operator") {
    HttpRequest request = asking("POST", "/v1/jobs/orders/runs", token);
    request.headers.push_back({"idempotency-key", key});
    request.headers.push_back({"content-type", "application/json; charset=utf-8"});
    request.body = body;
    return ask(request);
  }
  static std::string header(const HttpResponse& response, const std::string& name) {
    const auto found = std::find_if(response.headers.begin(), response.headers.end(),
                                    [&](const HttpHeader& one) { return one.name == name; });
    return found == response.headers.end() ? "" : found->value;
  }
  static std::string code(const HttpResponse& response) {
    const auto json = parse_json(response.body);
    const auto read = json.ok() ? json->string_at("code") : Result<std::string>("");
    return read.ok() ? *read : "";
  }

  ManualClock clock_{UtcMicros(1'000'000'000'000'000)};
  SeededRandomness randomness_{1};
  FakeAccess access_;
  StoreInFolder folder_{clock_};
  KeptAnswers answers_{*folder_.database};
  std::vector<std::string> said_;
  Log log_{[this](std::string_view line) { said_.emplace_back(line); },
           [this] { return clock_.now_utc().get(); }};
  std::vector<ApiRequest> asked_;
  std::optional<Error> fail_with_;
  Api api_{ApiParts{access_, clock_, randomness_, answers_, {}, log_}, routes()};
};

TEST_F(ApiTest, WithoutATokenThereIsHealthAndNothingElse) {
  EXPECT_EQ(ask("GET", "/health/live", "").status, 200);
  for (const char* path : {"/v1/count", "/v1/jobs/orders", "/v1/nothing", "/", "/v1/jobs/%00"}) {
    const HttpResponse response = ask("GET", path, "");
    EXPECT_EQ(response.status, 401) << path;
    EXPECT_EQ(code(response), "access.denied") << path;
    EXPECT_EQ(header(response, "WWW-Authenticate"), "Bearer");
  }
  EXPECT_EQ(ask("POST", "/health/live", "").status, 401);
  EXPECT_EQ(ask("OPTIONS", "/v1/count", "").status, 401);
  EXPECT_EQ(ask("GET", "/v1/count", "stranger").status, 401);
  HttpRequest basic = asking("GET", "/v1/count", "");
  basic.headers.push_back({"authorization", "Basic dmlld2VyOg=="});
  EXPECT_EQ(ask(basic).status, 401);
  EXPECT_TRUE(asked_.empty());
}

TEST_F(ApiTest, ARefusalComesBeforeTheBodyIsRead) {
  EXPECT_TRUE(api_.handlers().admit(asking("POST", "/v1/jobs/orders/runs", "")).refusal);
  const HttpAdmission admitted =
      api_.handlers().admit(asking("POST", "/v1/jobs/orders/runs", "operator"));
  EXPECT_FALSE(admitted.refusal);
  EXPECT_EQ(admitted.body_max, 1000U);
  EXPECT_EQ(api_.handlers().admit(asking("GET", "/v1/count")).body_max, 0U);
}

TEST_F(ApiTest, ARoleThatMayNotIsRefusedAndNoted) {
  const HttpResponse response = ask("POST", "/v1/jobs/orders/runs", "viewer");
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(code(response), "access.role");
  ASSERT_EQ(access_.deeds.size(), 1U);
  EXPECT_EQ(access_.deeds[0].what, "run.start");
  EXPECT_EQ(access_.deeds[0].on, "orders");
  EXPECT_EQ(access_.deeds[0].status, 403);
  EXPECT_TRUE(access_.deeds[0].is_refusal);
  EXPECT_TRUE(asked_.empty());
}

TEST_F(ApiTest, ATokenForSomeJobsSeesNoOthersAndNotTheProject) {
  EXPECT_EQ(ask("GET", "/v1/jobs/orders", "viewer:orders").status, 200);
  const HttpResponse other = ask("GET", "/v1/jobs/secret", "viewer:orders");
  EXPECT_EQ(other.status, 404);
  EXPECT_EQ(code(other), "user.no_job");
  EXPECT_EQ(other.body.find("access."), std::string::npos);
  ASSERT_EQ(access_.deeds.size(), 1U) << "the log knows it, the client does not";
  EXPECT_EQ(access_.deeds[0].what, "get_job");
  EXPECT_EQ(access_.deeds[0].on, "secret");
  EXPECT_EQ(access_.deeds[0].status, 404);
  EXPECT_TRUE(access_.deeds[0].is_refusal);
  EXPECT_EQ(code(ask("GET", "/v1/count", "viewer:orders")), "access.other_jobs");
}

TEST_F(ApiTest, WhatAHandlerRefusesIsNotedAndWhatIsNotThereIsNot) {
  Principal who;
  who.jobs = {"orders"};
  fail_with_ = check_job(who, "secret").error();
  EXPECT_EQ(code(ask("GET", "/v1/fails")), "user.no_job");
  ASSERT_EQ(access_.deeds.size(), 1U);
  EXPECT_EQ(access_.deeds[0].what, "fails");
  EXPECT_TRUE(access_.deeds[0].is_refusal);
  fail_with_ = no_job("nobodys");
  EXPECT_EQ(code(ask("GET", "/v1/fails")), "user.no_job");
  EXPECT_EQ(access_.deeds.size(), 1U);
}

TEST_F(ApiTest, PathsAndMethodsThatAreNotThereSayWhatIs) {
  EXPECT_EQ(code(ask("GET", "/v1/nothing")), "api.unknown_path");
  const HttpResponse wrong = ask("DELETE", "/v1/count");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(header(wrong, "Allow"), "GET, HEAD, OPTIONS");
  const HttpResponse options = ask("OPTIONS", "/v1/jobs/orders/runs");
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(header(options, "Allow"), "POST, OPTIONS");
  EXPECT_EQ(ask("HEAD", "/v1/jobs/orders").status, 200);
  EXPECT_EQ(code(ask("GET", "/v1/count?limit=1")), "api.unknown_parameter");
}

TEST_F(ApiTest, EveryAnswerHasItsHeaders) {
  for (const HttpResponse& response :
       {ask("GET", "/v1/jobs/orders"), ask("GET", "/v1/nothing"), ask("GET", "/v1/count", ""),
        api_.handlers().refuse(431, "the headers are too long")}) {
    EXPECT_EQ(header(response, "Cache-Control"), "no-store");
    EXPECT_EQ(header(response, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(header(response, "X-Request-Id").size(), 16U);
    EXPECT_EQ(header(response, "Access-Control-Allow-Origin"), "");
  }
}

TEST_F(ApiTest, TheClientsOwnRequestIdIsGivenBackWhereItIsSane) {
  HttpRequest request = asking("GET", "/v1/jobs/orders");
  request.headers.push_back({"x-request-id", "trace-7.a_B"});
  EXPECT_EQ(header(ask(request), "X-Request-Id"), "trace-7.a_B");
  for (const std::string& bad :
       {std::string("a b"), std::string("a\nb"), std::string("\xff"), std::string(65, 'a')}) {
    request.headers.back().value = bad;
    EXPECT_EQ(header(ask(request), "X-Request-Id").size(), 16U);
  }
}

TEST_F(ApiTest, ADocumentThatTheClientHasIsNotSentAgain) {
  const HttpResponse first = ask("GET", "/v1/jobs/orders");
  const std::string tag = header(first, "ETag");
  ASSERT_FALSE(tag.empty());
  HttpRequest again = asking("GET", "/v1/jobs/orders");
  again.headers.push_back({"if-none-match", "\"x\", " + tag});
  EXPECT_EQ(ask(again).status, 304);
  EXPECT_EQ(ask(again).body, "");
  EXPECT_EQ(header(ask(again), "ETag"), tag);
  again.headers.back().value = "\"x\"";
  EXPECT_EQ(ask(again).status, 200);
}

TEST_F(ApiTest, ABodyIsJsonAndSaysSo) {
  HttpRequest request = asking("POST", "/v1/jobs/orders/runs", "operator");
  request.body = "{}";
  EXPECT_EQ(code(ask(request)), "api.not_json");
  request.headers.push_back({"content-type", "text/plain"});
  EXPECT_EQ(ask(request).status, 415);
  request.headers.back().value = "application/json";
  EXPECT_EQ(ask(request).status, 202);
  for (const char* bad : {"{", R"({"a": 1, "a": 1})", "{\"a\": \"\xff\"}"}) {
    request.body = bad;
    EXPECT_EQ(code(ask(request)), "json.invalid") << bad;
  }
  HttpRequest read = asking("GET", "/v1/jobs/orders");
  read.body = "{}";
  EXPECT_EQ(code(ask(read)), "api.no_body");
}

TEST_F(ApiTest, ARequestThatIsSaidAgainIsDoneOnce) {
  const HttpResponse first = start("k1");
  EXPECT_EQ(first.status, 202);
  const HttpResponse again = start("k1");
  EXPECT_EQ(again.status, 202);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(header(again, "Location"), header(first, "Location"));
  EXPECT_EQ(asked_.size(), 1U);
  EXPECT_EQ(code(start("k1", R"({"full": true})")), "api.other_body");
  EXPECT_EQ(start("k1", "{}", "admin").status, 202);  // somebody else's key is another
  EXPECT_EQ(start("k2").status, 202);
  EXPECT_EQ(asked_.size(), 3U);
  EXPECT_EQ(code(start(std::string(129, 'a'))), "api.bad_key");
  EXPECT_EQ(code(start("a b")), "api.bad_key");
  clock_.advance(std::chrono::hours(25));
  EXPECT_NE(start("k1").body, first.body);
}

TEST_F(ApiTest, WhoComesWithoutATokenIsNoted) {
  EXPECT_EQ(ask("GET", "/v1/count", "").status, 401);
  EXPECT_EQ(ask("GET", "/v1/nothing", "stranger").status, 401);
  EXPECT_EQ(ask("GET", "/v1/nothing").status, 404);
  EXPECT_EQ(ask("GET", "/v1/count", "viewer:orders").status, 403);
  ASSERT_EQ(access_.deeds.size(), 3U);
  EXPECT_EQ(access_.deeds[0].what, "access.denied");
  EXPECT_EQ(access_.deeds[0].status, 401);
  EXPECT_TRUE(access_.deeds[0].is_refusal);
  EXPECT_EQ(access_.deeds[0].peer, "127.0.0.1");
  EXPECT_EQ(access_.deeds[1].what, "access.denied");
  EXPECT_EQ(access_.deeds[2].what, "count");
  EXPECT_EQ(access_.deeds[2].token, "id-viewer:orders");
  EXPECT_EQ(access_.deeds[2].status, 403);
}

TEST_F(ApiTest, EachRequestIsALineOfTheLogWithoutItsToken) {
  log_.set_up({LogLevel::debug, {}, LogFormat::text});
  HttpRequest request = asking("POST", "/v1/jobs/orders/runs", "operator");
  request.headers.push_back({"x-request-id", "my-request"});
  EXPECT_EQ(ask(request).status, 202);
  EXPECT_EQ(ask(asking("GET", "/v1/nothing", "operator")).status, 404);
  ASSERT_FALSE(said_.empty());
  std::string all;
  for (const std::string& line : said_) {
    all += line;
    EXPECT_EQ(line.find("nothing"), std::string::npos) << "a path that is none is not told";
  }
  EXPECT_NE(all.find("debug api  POST /v1/jobs/{job}/runs  request=my-request  status=202  ms="),
            std::string::npos)
      << all;
  EXPECT_NE(all.find("debug api  GET  request="), std::string::npos) << all;
  EXPECT_EQ(all.find(request.headers.front().value), std::string::npos);
}

TEST_F(ApiTest, DeedsAreToldAndRefusalsCountedByTokenAndRoute) {
  log_.set_up({LogLevel::info, {}, LogFormat::text});
  for (int i = 0; i < 20; ++i) {
    HttpRequest refused = asking("GET", "/v1/count", "viewer:orders");
    refused.headers.push_back({"x-request-id", "r" + std::to_string(i)});
    EXPECT_EQ(ask(refused).status, 403);
    EXPECT_EQ(ask(asking("POST", "/v1/jobs/orders/runs", "operator")).status, 202);
  }
  int told = 0;
  int done = 0;
  for (const std::string& line : said_) {
    if (line.find("count refused to somebody  request=r") != std::string::npos) ++told;
    if (line.find("run.start orders by somebody  request=") != std::string::npos) ++done;
  }
  EXPECT_EQ(told, Log::same_told_max);
  EXPECT_EQ(done, 20);
}

TEST_F(ApiTest, AProxySaysWhoseARequestIs) {
  HttpRequest request = asking("POST", "/v1/jobs/orders/runs", "operator");
  request.headers.push_back({"x-forwarded-for", "198.51.100.7"});
  EXPECT_EQ(ask(request).status, 202);
  Api behind(
      ApiParts{access_, clock_, randomness_, answers_, {IpNetwork::parse("127.0.0.0/8").value()}},
      routes());
  FakeExchange exchange(request);
  behind.handlers().handle(exchange);
  ASSERT_EQ(access_.deeds.size(), 2U);
  EXPECT_EQ(access_.deeds[0].peer, "127.0.0.1") << "anybody can write the header";
  EXPECT_EQ(access_.deeds[1].peer, "198.51.100.7");
  EXPECT_EQ(asked_.back().peer, "198.51.100.7");
  EXPECT_EQ(access_.asked_from.back(), "198.51.100.7");
}

TEST_F(ApiTest, WhatAnotherTryMayChangeIsTriedAgain) {
  fail_with_ = user_error("run.leased", "another run has the job");
  EXPECT_EQ(start("k1").status, 409);
  fail_with_ = user_error("plan.no_column", "there is no such column");
  EXPECT_EQ(start("k1").status, 422);
  fail_with_.reset();
  EXPECT_EQ(start("k1").status, 422);
  EXPECT_EQ(asked_.size(), 2U);
}

TEST_F(ApiTest, WhoDidWhatIsNotedBeforeItIsAnswered) {
  EXPECT_EQ(start("k1").status, 202);
  ASSERT_EQ(access_.deeds.size(), 1U);
  const Deed& deed = access_.deeds[0];
  EXPECT_EQ(deed.what, "run.start");
  EXPECT_EQ(deed.on, "orders");
  EXPECT_EQ(deed.token, "id-operator");
  EXPECT_EQ(deed.peer, "127.0.0.1");
  EXPECT_EQ(deed.status, 202);
  EXPECT_FALSE(deed.is_refusal);
  access_.fails = true;
  const HttpResponse response = start("k2");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(header(response, "Retry-After"), "5");
  EXPECT_EQ(ask("GET", "/v1/jobs/orders").status, 200);  // looking is no deed
}

}  // namespace
}  // namespace tidemark
