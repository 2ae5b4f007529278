#include "api/router.h"

#include <gtest/gtest.h>

#include "api/body.h"
#include "api/cursor.h"
#include "api/problem.h"

namespace tidemark {
namespace {

Answer empty_answer(const ApiRequest&) {
  return HttpResponse{};
}

Router router() {
  return Router(
      {{"GET", "/v1/jobs", "list_jobs", Role::viewer, Reach::each, {}, 0, empty_answer},
       {"GET", "/v1/jobs/{job}", "get_job", Role::viewer, Reach::job, {}, 0, empty_answer},
       {"POST", "/v1/jobs", "make_job", Role::editor, Reach::each, {}, 0, empty_answer}});
}

std::string code_of(std::string_view path) {
  const auto match = router().match(path);
  return match.ok() ? (match->methods.empty() ? "nowhere" : "") : match.error().code;
}

TEST(RouterTest, APathLeadsToItsRouteWithItsParameters) {
  const Router table = router();
  const auto list = table.match("/v1/jobs");
  ASSERT_TRUE(list.ok());
  EXPECT_EQ(list->methods.at("POST")->operation, std::string("make_job"));
  EXPECT_EQ(list->allow(), "GET, HEAD, POST, OPTIONS");
  const auto job = table.match("/v1/jobs/caf%C3%A9%20noir");
  ASSERT_TRUE(job.ok());
  EXPECT_EQ(job->path.at("job"), "caf\u00e9 noir");
  EXPECT_EQ(code_of("/v1/jobs/"), "nowhere");
  EXPECT_EQ(code_of("/v1/jobs/a/b"), "nowhere");
  EXPECT_EQ(code_of("//v1/jobs"), "nowhere");
  EXPECT_EQ(code_of("/V1/jobs"), "nowhere");
}

TEST(RouterTest, WhatIsNotPlainlyAPathIsRefused) {
  for (const char* path :
       {"", "v1/jobs", "*", "/v1/jobs/%", "/v1/jobs/%4", "/v1/jobs/%zz", "/v1/jobs/a%00b",
        "/v1/jobs/a%0ab", "/v1/jobs/%ff", "/v1/jobs/%c0%af", "/v1/jobs/%ed%a0%80", "/v1/jobs/..",
        "/v1/jobs/%2e%2e", "/v1/../jobs", "/v1/./jobs", "/v1/jobs/a%2fb", "/v1/jobs/a%5cb",
        "/v1/jobs/\xff", "/v1/jobs/a%7f"})
    EXPECT_EQ(code_of(path), "api.bad_path") << path;
}

TEST(RouterTest, AQueryIsReadWholeOrNotAtAll) {
  const std::vector<std::string> known{"limit", "name"};
  const auto read = read_query("limit=5&name=a+b%2Bc%2F%26", known);
  ASSERT_TRUE(read.ok()) << read.error().describe();
  EXPECT_EQ(read->at("limit"), "5");
  EXPECT_EQ(read->at("name"), "a b+c/&");
  EXPECT_TRUE(read_query("", known)->empty());
  EXPECT_EQ(read_query("limit=", known)->at("limit"), "");
  const auto code = [&](std::string_view query) {
    const auto tried = read_query(query, known);
    return tried.ok() ? std::string() : tried.error().code;
  };
  EXPECT_EQ(code("limt=5"), "api.unknown_parameter");
  EXPECT_NE(read_query("limt=5", known).error().hint.find("`limit`"), std::string::npos);
  EXPECT_EQ(code("limit=1&limit=1"), "api.parameter_twice");
  for (const char* query : {"limit", "&", "limit=1&", "=1", "limit=%", "limit=%00", "limit=%ff"})
    EXPECT_EQ(code(query), "api.bad_query") << query;
}

TEST(RouterTest, ParametersAreOfTheirKind) {
  ApiRequest request;
  request.query = {{"limit", "7"}, {"gone", "true"}, {"status", "failed"}};
  EXPECT_EQ(request.number("limit", 100, 1, 1000).value(), 7);
  EXPECT_EQ(request.number("other", 100, 1, 1000).value(), 100);
  EXPECT_TRUE(request.flag("gone").value());
  EXPECT_FALSE(request.flag("other").value());
  EXPECT_EQ(request.word("status", {"failed"}).value(), "failed");
  EXPECT_FALSE(request.word("status", {"success"}).ok());
  for (const char* number : {"0", "1001", "-1", "1.0", "x", "", " 1", "99999999999999999999"}) {
    request.query["limit"] = number;
    EXPECT_FALSE(request.number("limit", 100, 1, 1000).ok()) << number;
  }
}

TEST(RouterTest, APatternDescribesNames) {
  for (const char* name : {"sales_", "sales_eu"})
    EXPECT_TRUE(is_like("sales_*", name)) << name;
  for (const char* name : {"sales", "xsales_eu", ""})
    EXPECT_FALSE(is_like("sales_*", name)) << name;
  EXPECT_TRUE(is_like("*a*b*", "xxaxxbxx"));
  EXPECT_FALSE(is_like("*a*b*", "xxbxxaxx"));
  EXPECT_FALSE(is_like("", "a"));
  Principal who;
  who.jobs = {"sales_*"};
  EXPECT_TRUE(check_job(who, "sales_eu").ok());
  EXPECT_EQ(status_of(check_job(who, "secret").error()), 404);
}

TEST(BodyTest, EachMemberIsReadOnceAndNoneIsPassedOver) {
  const JsonValue good = parse_json(R"({"sql": "a", "full": true, "jobs": ["x"]})").value();
  ApiBody body(good);
  EXPECT_EQ(body.text("sql"), "a");
  EXPECT_TRUE(body.flag("full"));
  EXPECT_FALSE(body.flag("sweep"));
  EXPECT_EQ(body.texts("jobs"), std::vector<std::string>{"x"});
  EXPECT_TRUE(body.end().ok());
  const JsonValue nothing;
  ApiBody without(nothing);
  EXPECT_FALSE(without.flag("full"));
  EXPECT_TRUE(without.end().ok());
  for (const char* text : {R"({"jobs": ["x\u0000y"]})", R"({"jobs": [1]})", R"({"jobs": "x"})"}) {
    const JsonValue value = parse_json(text).value();
    ApiBody bad(value);
    EXPECT_TRUE(bad.texts("jobs").empty()) << text;
    ASSERT_FALSE(bad.end().ok()) << text;
    EXPECT_EQ(bad.end().error().code, "api.bad_body") << text;
  }
  for (const char* text :
       {R"({"ful": true})", R"({"full": "true"})", R"({"full": null})", "[]", "\"full\"", "1"}) {
    const JsonValue value = parse_json(text).value();
    ApiBody bad(value);
    static_cast<void>(bad.flag("full"));
    ASSERT_FALSE(bad.end().ok()) << text;
    EXPECT_EQ(bad.end().error().code, "api.bad_body") << text;
  }
}

TEST(CursorTest, ItComesBackForItsListAloneAndUnchanged) {
  ApiRequest request;
  request.pattern = "/v1/runs";
  request.query = {{"job", "orders"}, {"limit", "5"}};
  const std::string cursor = make_cursor(request, {"2026-01-01T00:00:00.000000Z", "caf\u00e9"});
  EXPECT_TRUE(read_cursor(request)->empty());
  request.query["cursor"] = cursor;
  request.query["limit"] = "50";  // another size of page is no other list
  EXPECT_EQ(read_cursor(request).value(),
            (std::vector<std::string>{"2026-01-01T00:00:00.000000Z", "caf\u00e9"}));
  for (std::size_t at = 0; at < cursor.size(); ++at) {
    std::string changed = cursor;
    changed[at] = changed[at] == 'a' ? 'b' : 'a';
    request.query["cursor"] = changed;
    EXPECT_FALSE(read_cursor(request).ok()) << at;
  }
  for (const std::string& bad :
       {std::string(), cursor.substr(0, 10), cursor + "00", cursor + "0"}) {
    request.query["cursor"] = bad;
    EXPECT_FALSE(read_cursor(request).ok()) << bad;
  }
  request.query["cursor"] = cursor;
  request.query["job"] = "other";
  EXPECT_EQ(read_cursor(request).error().code, "api.bad_cursor");
  request.query["job"] = "orders";
  request.who.token = "another";
  EXPECT_FALSE(read_cursor(request).ok());
}

TEST(ProblemTest, AnErrorSaysAllItKnows) {
  Error error = source_error("source.gone", "the table is gone", Retry::never, "make it");
  error.context = {"reading orders"};
  const HttpResponse response = problem(error, "id1");
  EXPECT_EQ(response.status, 502);
  EXPECT_EQ(response.headers[0].value, "application/problem+json");
  const JsonValue json = parse_json(response.body).value();
  EXPECT_EQ(json.string_at("code").value(), "source.gone");
  EXPECT_EQ(json.string_at("fault").value(), "source");
  EXPECT_EQ(json.string_at("detail").value(), "the table is gone");
  EXPECT_EQ(json.string_at("hint").value(), "make it");
  EXPECT_EQ(json.string_at("title").value(), "Bad Gateway");
  EXPECT_EQ(json.string_at("request_id").value(), "id1");
  EXPECT_EQ(json.integer_at("status").value(), 502);
  EXPECT_EQ(*json.array_at("context").value()->front().string(), "reading orders");
}

TEST(ProblemTest, EachCodeHasItsStatus) {
  const auto status = [](const char* code, Fault fault, Retry retry = Retry::never) {
    return status_of(Error{code, fault, retry, "", {}, ""});
  };
  using enum Fault;
  EXPECT_EQ(status("access.denied", user), 401);
  EXPECT_EQ(status("access.locked", user), 429);
  EXPECT_EQ(status("access.role", user), 403);
  EXPECT_EQ(status("api.bad_path", user), 400);
  EXPECT_EQ(status("api.unknown_path", user), 404);
  EXPECT_EQ(status("api.other_body", user), 422);
  EXPECT_EQ(status("user.no_job", user), 404);
  EXPECT_EQ(status("run.leased", user), 409);
  EXPECT_EQ(status("blocked.quarantine", user), 409);
  EXPECT_EQ(status("plan.no_column", user), 422);
  EXPECT_EQ(status("store.busy", internal, Retry::backoff), 503);
  EXPECT_EQ(status("target.lost", target), 502);
  EXPECT_EQ(status("run.count_mismatch", internal), 500);
  EXPECT_EQ(status("env.io_failed", internal, Retry::backoff), 503);
}

}  // namespace
}  // namespace tidemark
