#include "cli/checkup_commands.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "api/documents.h"
#include "base/units.h"
#include "run/checkup.h"

namespace tidemark {
namespace {

// Prints findings as they come, or one document at the end.
class Findings {
 public:
  explicit Findings(const Call& call) : call_(call) {}

  void add(const Finding& finding) {
    has_fault_ = has_fault_ || finding.kind == Finding::Kind::fault;
    if (call_.line.json) {
      JsonValue json;
      json.set("kind", to_string(finding.kind)).set("what", finding.what);
      json.set("found", finding.found).set("remedy", finding.remedy);
      list_.push_back(std::move(json));
      return;
    }
    constexpr std::size_t width = 9;
    std::string kind(to_string(finding.kind));
    kind.resize(width, ' ');
    std::string text = kind + finding.what + ": " + indented(finding.found);
    if (!finding.remedy.empty())
      text += "\n" + std::string(width, ' ') + "-> " + indented(finding.remedy);
    call_.print(text + "\n");
  }

  int end() {
    if (call_.line.json) call_.print_json(JsonValue().set("findings", std::move(list_)));
    return has_fault_ ? exit_failed : exit_done;
  }

 private:
  static std::string indented(std::string text) {
    for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1))
      text.insert(at + 1, 9, ' ');
    return text;
  }

  const Call& call_;
  JsonArray list_;
  bool has_fault_ = false;
};

void add_faults(Findings& findings, const Faults& faults) {
  for (const SpecFault& fault : faults.list()) {
    std::string place = fault.file;
    if (fault.line > 0) {
      place += ":" + std::to_string(fault.line) + ":" + std::to_string(fault.column);
    }
    findings.add({Finding::Kind::fault, place, fault.message, fault.hint});
  }
}

}  // namespace

int doctor(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, Workspace::open(call.around, call.line.project));
    Findings findings(call);
    if (!workspace->faults().empty()) {
      // Nothing else can be told of a project that cannot be read.
      add_faults(findings, workspace->faults());
      return findings.end();
    }
    findings.add({Finding::Kind::good, "files",
                  show_count(static_cast<std::int64_t>(workspace->jobs().size())) +
                      (workspace->jobs().size() == 1 ? " job" : " jobs") + ", no faults"});
    Checkup checkup(*workspace, call.around, [&](const Finding& one) { findings.add(one); });
    TM_CHECK(checkup.look_at_all(call.cancel));
    return findings.end();
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

int test_connections(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(const std::vector<const ConnectionSpec*> wanted, connections_named(call, *workspace));
    Findings findings(call);
    Checkup checkup(*workspace, call.around, [&](const Finding& one) { findings.add(one); });
    TM_CHECK(checkup.look_at(wanted, call.cancel));
    return findings.end();
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

}  // namespace tidemark
