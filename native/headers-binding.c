/* readHeaders, takeHeaders, giveBackHeaders, closeHeaders: headers.c for JavaScript. */
#include "headers.h"
#include "napi.h"

#include <stdlib.h>

/* The handle may outlive the reading: `headers` is NULL once that is closed. */
struct handle {
  struct headers *headers;
};

static void forget(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  struct handle *handle = data;
  if (handle->headers != NULL) headers_close(handle->headers);
  free(handle);
}

/* readHeaders(file, fileHeader): returns a handle, or undefined if no thread can be started. */
napi_value read_headers(napi_env env, napi_callback_info info) {
  ARGUMENTS(env, info, 2);
  void *file_header;
  size_t length;
  CHECK(env, napi_get_typedarray_info(env, arguments[1], NULL, &length, &file_header, NULL, NULL));
  if (length < FILE_HEADER) return throw_error(env, NULL, "no header of a pcap");
  struct handle *handle = malloc(sizeof *handle);
  if (handle == NULL) return NULL;
  handle->headers = headers_open(int_of(env, arguments[0]), file_header);
  napi_value result;
  if (handle->headers != NULL && napi_create_external(env, handle, forget, NULL, &result) == napi_ok) return result;
  if (handle->headers != NULL) headers_close(handle->headers);
  free(handle);
  return NULL;
}

/* takeHeaders(handle, target, at, limit, progress): returns the bytes copied; sets `progress` to those read and left out. */
napi_value take_headers(napi_env env, napi_callback_info info) {
  ARGUMENTS(env, info, 5);
  void *data, *target, *progress;
  size_t size, numbers;
  CHECK(env, napi_get_value_external(env, arguments[0], &data));
  CHECK(env, napi_get_typedarray_info(env, arguments[1], NULL, &size, &target, NULL, NULL));
  CHECK(env, napi_get_typedarray_info(env, arguments[4], NULL, &numbers, &progress, NULL, NULL));
  const struct handle *handle = data;
  const size_t at = (uint32_t)int_of(env, arguments[2]), limit = (uint32_t)int_of(env, arguments[3]);
  if (handle->headers == NULL || at > size || limit > size - at || numbers < 2) return throw_error(env, NULL, "no such room");
  uint64_t read = (uint64_t)((double *)progress)[0], omitted = (uint64_t)((double *)progress)[1];
  const size_t count = headers_take(handle->headers, (uint8_t *)target + at, limit, &read, &omitted);
  ((double *)progress)[0] = (double)read;
  ((double *)progress)[1] = (double)omitted;
  napi_value result;
  CHECK(env, napi_create_uint32(env, (uint32_t)count, &result));
  return result;
}

/* giveBackHeaders(handle, count): makes the last `count` bytes available again; returns whether that was possible. */
napi_value give_back_headers(napi_env env, napi_callback_info info) {
  ARGUMENTS(env, info, 2);
  void *data;
  CHECK(env, napi_get_value_external(env, arguments[0], &data));
  const struct handle *handle = data;
  napi_value result;
  const size_t count = (uint32_t)int_of(env, arguments[1]);
  CHECK(env, napi_get_boolean(env, handle->headers != NULL && headers_give_back(handle->headers, count), &result));
  return result;
}

/* closeHeaders(handle): ends the reading; the file may then be closed. */
napi_value close_headers(napi_env env, napi_callback_info info) {
  ARGUMENTS(env, info, 1);
  void *data;
  CHECK(env, napi_get_value_external(env, arguments[0], &data));
  struct handle *handle = data;
  if (handle->headers != NULL) headers_close(handle->headers);
  handle->headers = NULL;
  return NULL;
}
