// The mail that an alert is told by, as RFC 5322 has it. Pure.
#pragma once

#include <string>

#include "alert/message.h"
#include "spec/alert_spec.h"

namespace tidemark {

// Whatever an alert says, it is in the text and in no header of its own making: the subject and the
// text are base64.
std::string mail_text(const EmailSpec& spec, const AlertMessage& message);

}  // namespace tidemark
