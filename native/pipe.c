/*
 * isReaderGone(fd): whether nobody can read any more what is written there. A write would tell, but a pipe to which there
 * is nothing to write never does: a write of no bytes succeeds. poll(2): POLLERR is also set for the write end of a pipe
 * whose read end has been closed, POLLHUP for a socket whose peer has gone.
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
