/* useHugePages(buffer): see src/flow/flow-table.ts. */
#include "napi.h"

#include <sys/mman.h>

#define HUGE_PAGE ((uintptr_t)2 << 20)

/* Only what lies within whole pages of that size: a neighbour's memory is none of ours. A kernel that has none says no. */
napi_value use_huge_pages(napi_env env, napi_callback_info info) {
  void *data;
  size_t length;
  ARGUMENTS(env, info, 1);
  CHECK(env, napi_get_arraybuffer_info(env, arguments[0], &data, &length));
  const uintptr_t from = ((uintptr_t)data + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
  const uintptr_t to = ((uintptr_t)data + length) & ~(HUGE_PAGE - 1);
  if (from < to) madvise((void *)from, to - from, MADV_HUGEPAGE);
  return NULL;
}
