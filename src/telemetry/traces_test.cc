// The document of a run's trace: its shape, its ids and times, and its bounds.
#include "telemetry/traces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace tidemark {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

UtcMicros at(int seconds) {
  return UtcMicros(1'700'000'000'000'000 + seconds * 1'000'000LL);
}

// A history as the store has it.
class History {
 public:
  History() {
    run().run = RunId("0abc000000000001");
    run().job = JobName("orders");
    run().started_at = at(0);
    run().ended_at = at(20);
    run().state = RunState::done;
    event(at(1), "", std::nullopt, RunState::planned);
  }

  RunRecord& run() { return traced.history.run; }

  void event(UtcMicros when, const char* stream, std::optional<RunState> from,
             std::optional<RunState> to, const char* message = "") {
    EventRecord event;
    event.number = static_cast<std::int64_t>(traced.history.events.size()) + 1;
    event.at = when;
    event.stream = StreamName(stream);
    event.state_from = from;
    event.state_to = to;
    event.message = message;
    traced.history.events.push_back(std::move(event));
  }

  StreamRecord& stream(const char* name, UtcMicros from, UtcMicros to, RunState end) {
    StreamRecord stream;
    stream.stream = StreamName(name);
    stream.seq = Seq(7);
    stream.mark.state = end;
    stream.started_at = from;
    stream.ended_at = to;
    run().streams.push_back(std::move(stream));
    return run().streams.back();
  }

  // A stream that was loaded: each state a second after the other, from `begin` on.
  StreamRecord& loaded(const char* name, int begin) {
    const std::vector<RunState> states{RunState::planned, RunState::extracting, RunState::staged,
                                       RunState::checked, RunState::loading,    RunState::committed,
                                       RunState::done};
    std::optional<RunState> before;
    for (const RunState state : states) {
      event(at(begin++), name, before, state);
      before = state;
    }
    StreamRecord& one = stream(name, at(begin - 7), at(begin - 1), RunState::done);
    one.counts = {RowCount(10), RowCount(10), RowCount(8), RowCount(2), RowCount(8), 512};
    return one;
  }

  TracedRun traced;
};

std::string text_of(const JsonValue& span, const char* name) {
  const JsonValue* const value = span.find(name);
  return value == nullptr || value->string() == nullptr ? "" : *value->string();
}

std::map<std::string, std::string> attributes_of(const JsonValue& span) {
  std::map<std::string, std::string> found;
  for (const JsonValue& one : *span.find("attributes")->array()) {
    for (const char* kind : {"stringValue", "intValue"}) {
      if (one.find("value")->find(kind) != nullptr)
        found[text_of(one, "key")] = text_of(*one.find("value"), kind);
    }
  }
  return found;
}

std::vector<std::string> names_of(const JsonArray& spans) {
  std::vector<std::string> names;
  for (const JsonValue& span : spans)
    names.push_back(text_of(span, "name"));
  return names;
}

const JsonValue& named(const JsonArray& spans, const std::string& name) {
  for (const JsonValue& span : spans) {
    if (text_of(span, "name") == name) return span;
  }
  ADD_FAILURE() << "no span " << name;
  return spans.front();
}

std::string time(int seconds) {
  return std::to_string(1'700'000'000LL + seconds) + "000000000";
}

TEST(Traces, ARunIsOneDocumentOfOtlp) {
  History history;
  history.loaded("main", 1);
  history.traced.fire = at(-1);
  TelemetrySpec spec;
  spec.service_name = "sales";
  spec.attributes = {{"deployment.environment", "prod"}};
  const auto document = parse_json(traces_document(spec, spans_of(history.traced)));
  ASSERT_TRUE(document.ok());
  ASSERT_EQ(document->find("resourceSpans")->array()->size(), 1u);
  const JsonValue& resource = document->find("resourceSpans")->array()->front();
  const auto service = attributes_of(*resource.find("resource"));
  EXPECT_EQ(service.at("service.name"), "sales");
  EXPECT_EQ(service.at("deployment.environment"), "prod");
  const JsonValue& scope = resource.find("scopeSpans")->array()->front();
  EXPECT_EQ(text_of(*scope.find("scope"), "name"), "tidemark");
  const JsonArray& spans = *scope.find("spans")->array();
  EXPECT_THAT(names_of(spans), ElementsAre("run orders", "plan", "stream main", "extract",
                                           "validate", "load", "acknowledge"));
  // The whole of one, as it is sent.
  EXPECT_EQ(to_json(spans[3]),
            "{\"traceId\":\"" + trace_id_of(history.run().run) + "\",\"spanId\":\"" +
                text_of(spans[3], "spanId") + "\",\"parentSpanId\":\"" +
                text_of(spans[2], "spanId") +
                "\",\"name\":\"extract\",\"kind\":1,\"startTimeUnixNano\":\"" + time(2) +
                "\",\"endTimeUnixNano\":\"" + time(3) +
                "\",\"attributes\":["
                "{\"key\":\"tidemark.stream\",\"value\":{\"stringValue\":\"main\"}},"
                "{\"key\":\"tidemark.next_state\",\"value\":{\"stringValue\":\"staged\"}},"
                "{\"key\":\"tidemark.rows_read\",\"value\":{\"intValue\":\"10\"}},"
                "{\"key\":\"tidemark.bytes_staged\",\"value\":{\"intValue\":\"512\"}}]}");
  EXPECT_EQ(attributes_of(spans[0]).at("tidemark.fire"), to_text(at(-1)));
}

TEST(Traces, IdsAreMadeOfTheRunsAndAllDiffer) {
  // printf 0abc000000000001 | sha256sum
  EXPECT_EQ(trace_id_of(RunId("0abc000000000001")), "6698a943d01de3c89d0ce153cb4ebe75");
  History history;
  history.loaded("a", 1);
  history.loaded("b", 9);
  const JsonArray spans = spans_of(history.traced);
  std::set<std::string> ids;
  for (const JsonValue& span : spans) {
    EXPECT_EQ(text_of(span, "traceId"), trace_id_of(history.run().run));
    EXPECT_THAT(text_of(span, "spanId"), testing::MatchesRegex("[0-9a-f]{16}"));
    ids.insert(text_of(span, "spanId"));
  }
  EXPECT_EQ(ids.size(), spans.size());
  EXPECT_EQ(spans_of(history.traced), spans) << "sent twice it is the same trace";
}

TEST(Traces, TimesAreThoseOfTheTransitions) {
  History history;
  history.loaded("a", 1);
  history.loaded("b", 9);
  const JsonArray spans = spans_of(history.traced);
  const auto times = [&](std::size_t span) {
    return text_of(spans[span], "startTimeUnixNano") + " " +
           text_of(spans[span], "endTimeUnixNano");
  };
  EXPECT_EQ(times(0), time(0) + " " + time(20));
  EXPECT_EQ(times(1), time(0) + " " + time(1)) << "the plan is there with the first event";
  EXPECT_EQ(times(2), time(1) + " " + time(7));
  EXPECT_EQ(times(5), time(5) + " " + time(6)) << "the load, from `loading` to `committed`";
  EXPECT_EQ(times(7), time(9) + " " + time(15)) << "the second stream";
}

TEST(Traces, AnErrorIsToldByItsCodeAlone) {
  History history;
  history.event(at(1), "main", std::nullopt, RunState::planned);
  history.event(at(2), "main", RunState::planned, RunState::extracting);
  history.event(at(5), "main", RunState::extracting, RunState::failed, "row `canary`");
  history.stream("main", at(1), at(5), RunState::failed).error =
      StoredError{"source.bad_value", "source", "row `canary` cannot be read", "mend `canary`"};
  history.run().state = RunState::failed;
  history.run().error = history.run().streams.front().error;
  const JsonArray spans = spans_of(history.traced);
  EXPECT_THAT(names_of(spans), ElementsAre("run orders", "plan", "stream main", "extract"));
  for (const char* name : {"run orders", "stream main", "extract"}) {
    const JsonValue& span = named(spans, name);
    ASSERT_NE(span.find("status"), nullptr) << name;
    EXPECT_EQ(to_json(*span.find("status")), "{\"code\":2,\"message\":\"source.bad_value\"}");
    EXPECT_EQ(attributes_of(span).at("error.type"), "source.bad_value");
    EXPECT_EQ(attributes_of(span).at("tidemark.fault"), "source");
  }
  EXPECT_EQ(named(spans, "plan").find("status"), nullptr) << "that went well";
  EXPECT_THAT(traces_document({}, spans), Not(HasSubstr("canary")));
}

TEST(Traces, APlanThatFailsHasTheError) {
  History history;
  history.run().state = RunState::blocked;
  history.run().error = StoredError{"blocked.drift", "source", "", ""};
  const JsonArray spans = spans_of(history.traced);
  EXPECT_THAT(names_of(spans), ElementsAre("run orders", "plan"));
  EXPECT_EQ(to_json(*spans[1].find("status")), "{\"code\":2,\"message\":\"blocked.drift\"}");
}

TEST(Traces, ACancelledRunIsNoError) {
  History history;
  history.run().state = RunState::cancelled;
  history.run().error = StoredError{"run.cancelled", "user", "", ""};
  const JsonArray spans = spans_of(history.traced);
  EXPECT_EQ(spans[0].find("status"), nullptr);
  EXPECT_EQ(attributes_of(spans[0]).at("tidemark.state"), "cancelled");
}

TEST(Traces, WhatIsDoneAgainIsASpanOfItsOwnAndTheLastHasTheRows) {
  History history;
  const auto moves = [&](int second, RunState from, RunState to) {
    history.event(at(second), "main", from, to);
  };
  history.event(at(1), "main", std::nullopt, RunState::planned);
  moves(2, RunState::planned, RunState::extracting);
  moves(3, RunState::extracting, RunState::staged);
  moves(8, RunState::staged, RunState::retry_wait);
  moves(9, RunState::retry_wait, RunState::planned);
  moves(10, RunState::planned, RunState::extracting);
  moves(12, RunState::extracting, RunState::staged);
  moves(13, RunState::staged, RunState::cancelled);
  history.stream("main", at(1), at(13), RunState::cancelled).counts.rows_read = RowCount(4);
  const JsonArray spans = spans_of(history.traced);
  EXPECT_THAT(names_of(spans), ElementsAre("run orders", "plan", "stream main", "extract",
                                           "validate", "extract", "validate"));
  EXPECT_FALSE(attributes_of(spans[3]).contains("tidemark.rows_read"));
  EXPECT_EQ(attributes_of(spans[4]).at("tidemark.next_state"), "retry_wait");
  EXPECT_EQ(attributes_of(spans[5]).at("tidemark.rows_read"), "4");
  EXPECT_NE(text_of(spans[3], "spanId"), text_of(spans[5], "spanId"));
}

TEST(Traces, AStageThatWaitsForAnotherServerIsNotWorkedOn) {
  History history;
  history.event(at(1), "main", std::nullopt, RunState::planned);
  history.event(at(2), "main", RunState::planned, RunState::extracting);
  history.event(at(3), "main", RunState::extracting, RunState::staged);
  history.event(at(13), "main", std::nullopt, std::nullopt, "taken over");
  history.event(at(14), "main", RunState::staged, RunState::checked);
  history.stream("main", at(1), at(14), RunState::checked);
  const JsonArray spans = spans_of(history.traced);
  EXPECT_EQ(text_of(named(spans, "validate"), "startTimeUnixNano"), time(13));
}

TEST(Traces, AClockThatWasPutBackEndsNoSpanBeforeItBegan) {
  History history;
  history.run().ended_at = at(-30);
  const JsonArray spans = spans_of(history.traced);
  EXPECT_EQ(text_of(spans[0], "endTimeUnixNano"), time(0));
}

TEST(Traces, StreamsBeyondTheBoundAreCounted) {
  History history;
  std::vector<std::string> names;
  for (int number = 0; number < 600; ++number)
    names.push_back("t" + std::to_string(number));
  for (const std::string& name : names)
    history.loaded(name.c_str(), 1);
  const JsonArray spans = spans_of(history.traced);
  EXPECT_LE(spans.size(), spans_of_run_max);
  EXPECT_GT(spans.size(), spans_of_run_max - 10);
  // Of five spans each, beside the run's and its plan's.
  EXPECT_EQ(attributes_of(spans[0]).at("tidemark.streams_left_out"),
            std::to_string(600 - (spans_of_run_max - 2) / 5));
}

TEST(Traces, TheParentIsWhoAskedWhereThatIsRecorded) {
  History history;
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  history.traced.parent = TraceParent::parse("00-" + trace + "-00f067aa0ba902b7-01");
  ASSERT_TRUE(history.traced.parent);
  JsonArray spans = spans_of(history.traced);
  EXPECT_EQ(text_of(spans[0], "parentSpanId"), "00f067aa0ba902b7");
  for (const JsonValue& span : spans)
    EXPECT_EQ(text_of(span, "traceId"), trace);
  // Where it is not, the trace is the run's own, and leads there.
  history.traced.parent = TraceParent::parse("00-" + trace + "-00f067aa0ba902b7-00");
  spans = spans_of(history.traced);
  EXPECT_EQ(spans[0].find("parentSpanId"), nullptr);
  EXPECT_EQ(text_of(spans[0], "traceId"), trace_id_of(history.run().run));
  EXPECT_EQ(to_json(*spans[0].find("links")),
            "[{\"traceId\":\"" + trace + "\",\"spanId\":\"00f067aa0ba902b7\"}]");
}

TEST(Traces, ATraceparentIsReadAsTheStandardSays) {
  const std::string good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_TRUE(TraceParent::parse(good));
  EXPECT_TRUE(TraceParent::parse("01" + good.substr(2) + "-more")) << "of a version to come";
  const std::vector<std::string> bad{
      "",
      good.substr(1),
      good + "-more",
      good + " ",
      "ff" + good.substr(2),
      "0g" + good.substr(2),
      "01" + good.substr(2) + "more",
      "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
      "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
      "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  };
  for (const std::string& one : bad)
    EXPECT_FALSE(TraceParent::parse(one)) << one;
}

}  // namespace
}  // namespace tidemark
