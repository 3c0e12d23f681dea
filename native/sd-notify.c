/*
 * notify(address, state, wait): sends one datagram to a service manager (sd_notify(3)); Node has no Unix datagram
 * sockets. An address that begins with @ is in Linux's abstract namespace. With `wait`, for messages that are sent only
 * once, it waits up to PATIENCE_S while the manager's queue is full; repeated messages must not delay the capture.
 */
#define _GNU_SOURCE
#include "napi.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_S 5

static int notify_at(const char *address, const char *state, bool wait) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  const size_t length = strlen(address);
  if (length == 0 || length > sizeof to.sun_path) {
    errno = EINVAL;
    return -1;
  }
  memcpy(to.sun_path, address, length);
  if (address[0] == '@') to.sun_path[0] = 0;
  const int from = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (from < 0) return -1;
  const struct timeval patience = {.tv_sec = PATIENCE_S};
  const bool patient = wait && setsockopt(from, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0;
  const int flags = MSG_NOSIGNAL | (patient ? 0 : MSG_DONTWAIT);
  const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
  const ssize_t sent = sendto(from, state, strlen(state), flags, (struct sockaddr *)&to, size);
  const int error = errno;
  close(from);
  errno = error;
  return sent < 0 ? -1 : 0;
}

napi_value notify(napi_env env, napi_callback_info info) {
  ARGUMENTS(env, info, 3);
  char *address = string_of(env, arguments[0]);
  char *state = string_of(env, arguments[1]);
  const int status = address == NULL || state == NULL ? -1 : notify_at(address, state, bool_of(env, arguments[2]) != 0);
  const int error = errno;
  free(address);
  free(state);
  return status == 0 ? NULL : throw_error(env, NULL, strerror(error));
}
