/*
 * bindTracker(memory), with `memory` as in TrackerMemory of capture/native.ts: returns a handle. TypeScript keeps the
 * arrays alive, and binds again whenever it replaces one. Pointers stay valid: when a typed array's data is requested,
 * V8 moves a small one out of its heap for good.
 */
#include "tracker.h"

#include <stdlib.h>

static void forget(napi_env env, void *tracker, void *hint) {
  (void)env, (void)hint;
  free(tracker);
}

static bool number_named(napi_env env, napi_value object, const char *name, double *out) {
  napi_value number;
  return napi_get_named_property(env, object, name, &number) == napi_ok &&
         napi_get_value_double(env, number, out) == napi_ok;
}

napi_value bind_tracker(napi_env env, napi_callback_info info) {
  ARGUMENTS(env, info, 1);
  struct tracker t;
  const struct named_words arrays[] = {
      {"segments", &t.segments},    {"index", &t.index},          {"flows", &t.flows}, {"free", &t.free},
      {"pairIndex", &t.pair_index}, {"pairs", &t.pairs},          {"loneIndex", &t.lone_index},
      {"entries", &t.entries},      {"heads", &t.heads},          {"ring", &t.ring},
      {"first", &t.first},          {"last", &t.last},            {"wheel", &t.wheel},
  };
  double salt;
  if (!words_named(env, arguments[0], arrays, sizeof arrays / sizeof *arrays) ||
      !number_named(env, arguments[0], "timeWait", &t.time_wait) ||
      !number_named(env, arguments[0], "lingering", &t.lingering) || !number_named(env, arguments[0], "salt", &salt))
    return throw_last(env);
  t.salt = (uint32_t)(int64_t)salt;
  t.wheel.length *= 2; /* doubles */
  if (t.entries.length != t.heads.length * ENTRY_WORDS || t.ring.length < 2 || t.first.length != WHEEL_SLOTS + 2 ||
      t.last.length != WHEEL_SLOTS + 2 || t.wheel.length < 6)
    return throw_error(env, NULL, "not the memory of a tracker");
  struct tracker *kept = malloc(sizeof *kept);
  if (kept == NULL) return throw_error(env, NULL, "out of memory");
  *kept = t;
  napi_value handle;
  if (napi_create_external(env, kept, forget, NULL, &handle) == napi_ok) return handle;
  free(kept);
  return throw_last(env);
}
