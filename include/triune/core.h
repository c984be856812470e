// Triune's distributed computing, embedded: tasks and objects.
//
//   int Square(int x) { return x * x; }
//
//   triune::Session session;
//   auto a = session.Submit(Square, 7);           // an ObjectRef<int>, at once
//   auto b = session.Submit(Square, a);           // references stand for their values
//   triune::Result<int> value = session.Get(b);   // 2401
#pragma once

#include "triune/core/actor.h"            // IWYU pragma: export
#include "triune/core/actor_options.h"    // IWYU pragma: export
#include "triune/core/async.h"            // IWYU pragma: export
#include "triune/core/dag.h"              // IWYU pragma: export
#include "triune/core/errors.h"           // IWYU pragma: export
#include "triune/core/generator.h"        // IWYU pragma: export
#include "triune/core/object_ref.h"       // IWYU pragma: export
#include "triune/core/placement_group.h"  // IWYU pragma: export
#include "triune/core/progress_bar.h"     // IWYU pragma: export
#include "triune/core/runtime_context.h"  // IWYU pragma: export
#include "triune/core/runtime_env.h"      // IWYU pragma: export
#include "triune/core/session.h"          // IWYU pragma: export
#include "triune/core/state.h"            // IWYU pragma: export
#include "triune/core/status_error.h"     // IWYU pragma: export
#include "triune/core/task_options.h"     // IWYU pragma: export
#include "triune/status.h"                // IWYU pragma: export
