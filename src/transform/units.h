// units: values from one unit of measure to another.
//
// Type of the result: integers and decimals stay exact decimals where the conversion is a finite
// decimal (miles to kilometres: 1.609344) and the result fits 38 digits; everything else is DOUBLE,
// rounded once. NULL stays NULL, NaN and infinities stay what they are.
#pragma once

#include "transform/step.h"
#include "transform/unit_table.h"

namespace tidemark {

std::optional<CompiledStep> compile_units(const UnitsStep& spec, const StepInput& step);

struct ConvertedValue {
  std::string sql;
  Type type;
};
// SQL that converts `value` of `type`; nothing when the type is no number.
std::optional<ConvertedValue> convert_sql(const std::string& value, const Type& type,
                                          const Conversion& conversion);

}  // namespace tidemark
