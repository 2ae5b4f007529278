#include "drivers/prometheus/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <functional>
#include <mutex>
#include <sstream>
#include <variant>

#include "base/assert.h"

namespace tidemark {
namespace {

using Counters = prometheus::Family<prometheus::Counter>;
using Gauges = prometheus::Family<prometheus::Gauge>;
using Histograms = prometheus::Family<prometheus::Histogram>;

struct GaugeFamily {
  Gauges* family;
  std::map<MetricLabels, prometheus::Gauge*> series;  // for clear()
};
struct HistogramFamily {
  Histograms* family;
  std::vector<double> bounds;
};

}  // namespace

struct Metrics::Families {
  // What is told and what is cleared do not mix: one look sees all series of a gauge or none.
  std::mutex mutex;
  prometheus::Registry registry;
  std::map<std::string, std::variant<Counters*, GaugeFamily, HistogramFamily>, std::less<>> all;

  template <typename Family>
  Family& of(std::string_view name) {
    const auto found = all.find(name);
    TM_ASSERT(found != all.end());
    auto* family = std::get_if<Family>(&found->second);
    TM_ASSERT(family != nullptr);
    return *family;
  }
};

Metrics::Metrics(const std::vector<MetricSpec>& specs) : families_(std::make_unique<Families>()) {
  for (const MetricSpec& spec : specs) {
    const auto made = [&](auto builder) -> auto& {
      return builder.Name(spec.name).Help(spec.help).Register(families_->registry);
    };
    switch (spec.kind) {
      case MetricKind::counter:
        families_->all.emplace(spec.name, &made(prometheus::BuildCounter()));
        break;
      case MetricKind::gauge:
        families_->all.emplace(spec.name, GaugeFamily{&made(prometheus::BuildGauge()), {}});
        break;
      case MetricKind::histogram:
        families_->all.emplace(spec.name,
                               HistogramFamily{&made(prometheus::BuildHistogram()), spec.bounds});
        break;
    }
  }
}

Metrics::~Metrics() = default;

void Metrics::add(std::string_view name, const MetricLabels& labels, double more) {
  const std::lock_guard lock(families_->mutex);
  families_->of<Counters*>(name)->Add(labels).Increment(more);
}

void Metrics::advance_to(std::string_view name, const MetricLabels& labels, double now) {
  const std::lock_guard lock(families_->mutex);
  prometheus::Counter& counter = families_->of<Counters*>(name)->Add(labels);
  if (now > counter.Value()) counter.Increment(now - counter.Value());
}

void Metrics::set(std::string_view name, const MetricLabels& labels, double value) {
  const std::lock_guard lock(families_->mutex);
  GaugeFamily& gauges = families_->of<GaugeFamily>(name);
  prometheus::Gauge*& gauge = gauges.series[labels];
  if (gauge == nullptr) gauge = &gauges.family->Add(labels);
  gauge->Set(value);
}

void Metrics::clear(std::string_view name) {
  const std::lock_guard lock(families_->mutex);
  GaugeFamily& gauges = families_->of<GaugeFamily>(name);
  for (const auto& [labels, gauge] : gauges.series)
    gauges.family->Remove(gauge);
  gauges.series.clear();
}

void Metrics::observe(std::string_view name, const MetricLabels& labels, double value) {
  const std::lock_guard lock(families_->mutex);
  HistogramFamily& histograms = families_->of<HistogramFamily>(name);
  histograms.family->Add(labels, histograms.bounds).Observe(value);
}

std::string Metrics::text() const {
  const std::lock_guard lock(families_->mutex);
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families_->registry.Collect());
  return std::move(out).str();
}

}  // namespace tidemark
