// cast: columns to another type, where every value survives.
//
// A value that the new type cannot hold exactly is refused, never rounded or cut: 1.5 is no
// INTEGER, a timestamp with a time of day is no DATE, a text with an offset is no TIMESTAMP. Text
// becomes a binary floating point number by taking the nearest one; overflow to infinity and
// underflow to zero are refused. Who wants rounding writes `derive: {x: round(x)::integer}`.
#pragma once

#include "transform/step.h"

namespace tidemark {

std::optional<CompiledStep> compile_cast(const CastStep& spec, const StepInput& step);

struct ExactCast {
  std::string cast;     // the value in the new type, NULL when it has none
  std::string changed;  // true when the cast gave another value; empty when that cannot be
};
// `value` is SQL of type `from`, `cast` SQL of what `cast` gave. Nothing when the types have no
// exact cast.
std::optional<ExactCast> exact_cast(const std::string& value, const Type& from, const Type& to,
                                    const std::string& cast);

}  // namespace tidemark
