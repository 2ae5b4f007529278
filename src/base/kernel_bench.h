// Kernel: a measurement that answers two questions. google-benchmark asks how long one pass takes;
// callgrind, started by bench/kernels/count, how many instructions it executes.
//
//   void decode(Kernel& kernel) { ...; kernel.measure(rows, [&] { ... }); }
//   const KernelEntry entry("postgres_decode", decode);
//
// For *_bench.cc alone. One thread.
#pragma once

#include <benchmark/benchmark.h>
#include <valgrind/callgrind.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace tidemark {

class Kernel {
 public:
  Kernel(std::string name, benchmark::State& state) : name_(std::move(name)), state_(state) {}

  // `pass` works through the same `values` values each time it is called. The first pass is not
  // measured: it makes room and binds symbols.
  template <class Pass>
  void measure(std::int64_t values, Pass&& pass) {
    pass();
    if (RUNNING_ON_VALGRIND != 0) count(values, pass);
    for (auto _ : state_)
      pass();
    state_.SetItemsProcessed(state_.iterations() * values);
  }
  // A kernel that failed has no time and no count.
  void fail(const std::string& why) { state_.SkipWithError(why.c_str()); }

 private:
  template <class Pass>
  void count(std::int64_t values, Pass& pass) {
    const std::string label = name_ + " " + std::to_string(values);
    CALLGRIND_ZERO_STATS;
    CALLGRIND_START_INSTRUMENTATION;
    pass();
    CALLGRIND_STOP_INSTRUMENTATION;
    CALLGRIND_DUMP_STATS_AT(label.c_str());
  }

  std::string name_;
  benchmark::State& state_;
};

class KernelEntry {
 public:
  KernelEntry(const std::string& name, std::function<void(Kernel&)> run) {
    benchmark::RegisterBenchmark(name.c_str(), [name, run](benchmark::State& state) {
      Kernel kernel(name, state);
      run(kernel);
    });
  }
};

}  // namespace tidemark
