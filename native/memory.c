/* populate(words, from, count): has the pages of these words mapped, so that the first touch of each is no fault. */
#include "memory.h"

#include "napi.h"

#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

void populate_words(uint32_t *words, size_t count) {
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  const uintptr_t from = (uintptr_t)words & ~(page - 1);
  const uintptr_t to = (uintptr_t)(words + count) & ~(page - 1);
  /* Linux before 5.14 knows no such advice. */
  if (from < to) madvise((void *)from, to - from, MADV_POPULATE_WRITE);
}

napi_value populate(napi_env env, napi_callback_info info) {
  void *data;
  size_t length;
  ARGUMENTS(env, info, 3);
  CHECK(env, napi_get_typedarray_info(env, arguments[0], NULL, &length, &data, NULL, NULL));
  const size_t first = (uint32_t)int_of(env, arguments[1]), asked = (uint32_t)int_of(env, arguments[2]);
  if (first >= length) return NULL;
  const size_t count = asked < length - first ? asked : length - first;
  populate_words((uint32_t *)data + first, count);
  return NULL;
}
