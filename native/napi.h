/* Helpers for functions that are called from JavaScript. Their arguments have been checked in TypeScript. */
#ifndef PAWSCOPE_NAPI_H
#define PAWSCOPE_NAPI_H

#define NAPI_VERSION 8
#include <node_api.h>

#include "libpcap.h"

/* If the call failed, throws Node's error and returns from the function. */
#define CHECK(env, call)                                  \
  do {                                                    \
    if ((call) != napi_ok) return throw_last((env));      \
  } while (0)

/* Declares and fills `arguments`; missing ones are undefined. */
#define ARGUMENTS(env, info, count)                       \
  napi_value arguments[count];                            \
  size_t given = (count);                                 \
  CHECK(env, napi_get_cb_info((env), (info), &given, arguments, NULL, NULL))

napi_value throw_last(napi_env env);
/* `code` becomes the error's property of that name. */
napi_value throw_error(napi_env env, const char *code, const char *message);
/* The library; NULL after throwing an error whose code is `libpcap`. */
const struct libpcap *require_libpcap(napi_env env);
/* A string that the caller frees; NULL if there is no memory or `value` is not a string. */
char *string_of(napi_env env, napi_value value);
int32_t int_of(napi_env env, napi_value value);
int bool_of(napi_env env, napi_value value);
void set_number(napi_env env, napi_value object, const char *name, double value);
void set_string(napi_env env, napi_value object, const char *name, const char *value);

napi_value interfaces(napi_env env, napi_callback_info info);
napi_value interface_flags(napi_env env, napi_callback_info info);
napi_value compile_filter(napi_env env, napi_callback_info info);
napi_value match_filter(napi_env env, napi_callback_info info);
napi_value open_capture(napi_env env, napi_callback_info info);
napi_value begin_capture(napi_env env, napi_callback_info info);
napi_value release_slot(napi_env env, napi_callback_info info);
napi_value read_state(napi_env env, napi_callback_info info);
napi_value stop_capture(napi_env env, napi_callback_info info);
napi_value close_capture(napi_env env, napi_callback_info info);
napi_value become_user(napi_env env, napi_callback_info info);
napi_value notify(napi_env env, napi_callback_info info);
napi_value is_reader_gone(napi_env env, napi_callback_info info);
napi_value bind_columns(napi_env env, napi_callback_info info);
napi_value locate_plain(napi_env env, napi_callback_info info);
napi_value decode_rows(napi_env env, napi_callback_info info);
napi_value look_ahead(napi_env env, napi_callback_info info);
napi_value look_at_flows(napi_env env, napi_callback_info info);
napi_value bind_tracker(napi_env env, napi_callback_info info);
napi_value follow(napi_env env, napi_callback_info info);
napi_value populate(napi_env env, napi_callback_info info);
napi_value discard(napi_env env, napi_callback_info info);
napi_value read_headers(napi_env env, napi_callback_info info);
napi_value take_headers(napi_env env, napi_callback_info info);
napi_value give_back_headers(napi_env env, napi_callback_info info);
napi_value close_headers(napi_env env, napi_callback_info info);
napi_value rest_alone(napi_env env, napi_callback_info info);

#endif
