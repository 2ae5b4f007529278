// Output: where the words of a command go: to this process's stdout and stderr, or to those of the
// process that asked a service for it.
//
// Owned by who starts the command; safe from any thread.
#pragma once

#include <string_view>

namespace tidemark {

class Output {
 public:
  virtual ~Output() = default;
  // What was asked for.
  virtual void out(std::string_view text) = 0;
  // Words for people beside it: progress, notes, errors.
  virtual void err(std::string_view text) = 0;
  // Whether err() is read on a terminal that can draw a line anew.
  virtual bool is_live() const = 0;
  // How many lines the terminal has on which out() is read; 0: it is none.
  virtual int page_lines() const = 0;
  // How many characters stand in one of them; 0: it is none.
  virtual int page_columns() const = 0;
};

class StandardOutput final : public Output {
 public:
  void out(std::string_view text) override;
  void err(std::string_view text) override;
  bool is_live() const override;
  int page_lines() const override;
  int page_columns() const override;
};

}  // namespace tidemark
