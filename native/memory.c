/*
 * populate(words, from, count): maps the pages of these words, so that the first access to each does not fault.
 * discard(words, from, count): returns the pages that contain only these words to the system; the words then read as 0.
 */
#include "memory.h"

#include "flow.h"

#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

void populate_words(uint32_t *words, size_t count) {
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  const uintptr_t from = (uintptr_t)words & ~(page - 1);
  const uintptr_t to = (uintptr_t)(words + count) & ~(page - 1);
  /* Has no effect on Linux before 5.14, which does not support this advice. */
  if (from < to) madvise((void *)from, to - from, MADV_POPULATE_WRITE);
}

/* Sets `words` to the first of the words that the arguments select; returns how many of them exist. */
static size_t span_of(napi_env env, const napi_value arguments[3], uint32_t **words) {
  struct words all;
  if (!words_of(env, arguments[0], &all)) return 0;
  const size_t first = (uint32_t)int_of(env, arguments[1]), asked = (uint32_t)int_of(env, arguments[2]);
  if (first >= all.length) return 0;
  *words = all.at + first;
  return asked < all.length - first ? asked : all.length - first;
}

napi_value populate(napi_env env, napi_callback_info info) {
  uint32_t *words = NULL;
  ARGUMENTS(env, info, 3);
  const size_t count = span_of(env, arguments, &words);
  if (count > 0) populate_words(words, count);
  return NULL;
}

napi_value discard(napi_env env, napi_callback_info info) {
  uint32_t *words = NULL;
  ARGUMENTS(env, info, 3);
  const size_t count = span_of(env, arguments, &words);
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  const uintptr_t from = ((uintptr_t)words + page - 1) & ~(page - 1);
  const uintptr_t to = (uintptr_t)(words + count) & ~(page - 1);
  if (from < to) madvise((void *)from, to - from, MADV_DONTNEED);
  return NULL;
}
