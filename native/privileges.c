/*
 * becomeUser(name, uid, gid, keepRaw): changes the user of the whole process. With keepRaw the calling thread, which
 * opens interfaces, keeps only CAP_NET_RAW, so that it can reopen an interface that disappeared and came back.
 */
#define _GNU_SOURCE
#include "napi.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int keep_net_raw_only(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {{0}};
  data[0].permitted = data[0].effective = 1u << CAP_NET_RAW;
  return (int)syscall(SYS_capset, &header, data);
}

static int become(const char *name, uid_t uid, gid_t gid, int keep_raw) {
  if (keep_raw && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return -1;
  /* glibc applies these calls to all threads. Groups first, because afterwards the process may not change them. */
  if (initgroups(name, gid) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0) return -1;
  if (keep_raw && (keep_net_raw_only() != 0 || prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0)) return -1;
  /* No program started from here can gain privileges through its set-user-ID bit. */
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

napi_value become_user(napi_env env, napi_callback_info info) {
  ARGUMENTS(env, info, 4);
  char *name = string_of(env, arguments[0]);
  if (name == NULL) return throw_error(env, NULL, "out of memory");
  const int status = become(name, (uid_t)int_of(env, arguments[1]), (gid_t)int_of(env, arguments[2]),
                            bool_of(env, arguments[3]));
  const int error = errno;
  free(name);
  return status == 0 ? NULL : throw_error(env, NULL, strerror(error));
}
