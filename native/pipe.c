/*
 * isReaderGone(fd): whether the reader of a pipe or socket has closed it. A write would fail with EPIPE, but there may
 * be nothing to write, and a write of no bytes succeeds. poll(2) sets POLLERR for the write end of a pipe whose read
 * end has been closed, and POLLHUP for a socket whose peer has closed it.
 */
#include "napi.h"

#include <poll.h>

napi_value is_reader_gone(napi_env env, napi_callback_info info) {
  ARGUMENTS(env, info, 1);
  struct pollfd end = {.fd = int_of(env, arguments[0])};
  napi_value gone;
  const bool is_gone = poll(&end, 1, 0) == 1 && (end.revents & (POLLERR | POLLHUP)) != 0;
  CHECK(env, napi_get_boolean(env, is_gone, &gone));
  return gone;
}
