#include "connectors/postgres/walk.h"

#include <utility>

namespace tidemark::postgres {
namespace {

class OneLeg final : public Walk {
 public:
  explicit OneLeg(std::string select) : select_(std::move(select)) {}
  Result<std::optional<Leg>> next(Connection&, Cancel&) override {
    if (ended_) return std::optional<Leg>();
    ended_ = true;
    return std::optional(Leg{std::move(select_)});
  }

 private:
  std::string select_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Walk> one_leg(std::string select) {
  return std::make_unique<OneLeg>(std::move(select));
}

std::string RowsAsked::select_where(const std::string& more) const {
  std::string where = condition;
  if (!more.empty()) where = where.empty() ? more : "(" + where + ") and " + more;
  return "select " + columns + " from " + relation + (where.empty() ? "" : " where " + where);
}

}  // namespace tidemark::postgres
