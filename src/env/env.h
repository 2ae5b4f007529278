// Env: the outside world as one value of references: time, randomness, durable files.
//
// Copy it freely; `app/` (or a test) owns what it refers to and keeps it alive longer than every
// copy.
#pragma once

#include "env/clock.h"
#include "env/files.h"
#include "env/randomness.h"

namespace tidemark {

struct Env {
  Clock& clock;
  Randomness& randomness;
  Files& files;
};

}  // namespace tidemark
