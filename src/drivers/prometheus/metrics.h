// Metrics: numbers of this process, told in the text format of Prometheus.
//
// The metrics are declared once; a name that was not is a bug and aborts. Any thread. Memory for
// each series that was ever told: who names them bounds their labels.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

enum class MetricKind { counter, gauge, histogram };

struct MetricSpec {
  std::string name;
  MetricKind kind = MetricKind::gauge;
  std::string help;
  std::vector<double> bounds = {};  // of a histogram's buckets, rising; one beyond them is implied
};

using MetricLabels = std::map<std::string, std::string>;

class Metrics {
 public:
  explicit Metrics(const std::vector<MetricSpec>& specs);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Of a counter, which only grows.
  void add(std::string_view name, const MetricLabels& labels, double more = 1);
  // Of a counter that somebody else counts: what it stands at now. One that went back is as it was.
  void advance_to(std::string_view name, const MetricLabels& labels, double now);
  // Of a gauge.
  void set(std::string_view name, const MetricLabels& labels, double value);
  // All series of a gauge are gone until they are set again.
  void clear(std::string_view name);
  // Of a histogram.
  void observe(std::string_view name, const MetricLabels& labels, double value);

  std::string text() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace tidemark
