// A question to a connection: one SELECT, within limits, and a few of them at a time.
#include <atomic>
#include <memory>
#include <utility>

#include "api/body.h"
#include "api/routes.h"
#include "api/rows_document.h"
#include "connect/question.h"

namespace tidemark {
namespace {

// Half of the commands that are waited for, so that looks at the service are answered meanwhile.
constexpr int questions_max = Operations::waited_for_max / 2;
// The question stops by itself.
constexpr std::chrono::seconds patience{15};

// One of the questions that go on, as long as it lives.
class Place {
 public:
  explicit Place(std::atomic<int>& taken) : taken_(taken), is_free_(++taken <= questions_max) {}
  ~Place() { --taken_; }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  bool is_free() const { return is_free_; }

 private:
  std::atomic<int>& taken_;
  const bool is_free_;
};

JsonValue document_of(const BoundedAnswer& answer) {
  JsonValue json =
      rows_document(answer.schema, answer.rows.size(),
                    [&](std::size_t row, std::size_t column) { return answer.rows[row][column]; });
  json.set("truncated", answer.is_cut);
  return json.set("rows_given", static_cast<std::int64_t>(answer.rows.size()));
}

Answer query_connection(const ApiContext& context, const ApiRequest& request,
                        std::atomic<int>& taken) {
  ApiBody body(request.body);
  const auto sql = body.text("sql");
  Question question;
  question.rows_max = body.count("rows_max", question_rows_max).value_or(question.rows_max);
  question.bytes_max = body.count("bytes_max", question_bytes_max).value_or(question.bytes_max);
  question.time_max = std::chrono::seconds(
      body.count("seconds_max", question_seconds_max).value_or(question.time_max.count()));
  TM_CHECK(body.end());
  if (!sql || sql->empty())
    return user_error("api.bad_body", "`sql` is missing", "write one SELECT there");
  question.sql = *sql;
  const std::string& name = request.at("connection");
  TM_CHECK(check_connection(context, name));
  const Place place(taken);
  if (!place.is_free())
    return internal_error("api.busy", "too many questions are being answered already",
                          Retry::backoff, "ask again in a moment");
  const auto work = [&](Cancel& cancel) -> Result<JsonValue> {
    TM_TRY(const BoundedAnswer answer, context.ask(name, question, cancel));
    return document_of(answer);
  };
  TM_TRY(const JsonValue answer,
         context.operations.answer_of(Operations::Work(work), question.time_max + patience));
  return json_answer(200, answer);
}

}  // namespace

Status check_connection(const ApiContext& context, const std::string& name) {
  if (context.project.find_connection(name) != nullptr) return {};
  return user_error("user.no_connection", "there is no connection `" + name + "`",
                    "GET /v1/connections lists them");
}

std::function<Answer(const ApiRequest&)> bounded_query(const ApiContext& context) {
  const auto taken = std::make_shared<std::atomic<int>>(0);
  return [&context, taken](const ApiRequest& request) {
    return query_connection(context, request, *taken);
  };
}

}  // namespace tidemark
