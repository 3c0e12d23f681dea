/* The module: its exports, and the helper functions of napi.h. */
#include "napi.h"

#include <stdlib.h>

napi_value throw_last(napi_env env) {
  const napi_extended_error_info *error = NULL;
  bool pending = false;
  napi_get_last_error_info(env, &error);
  const char *message = error != NULL && error->error_message != NULL ? error->error_message : "Node-API call failed";
  napi_is_exception_pending(env, &pending);
  if (!pending) napi_throw_error(env, NULL, message);
  return NULL;
}

napi_value throw_error(napi_env env, const char *code, const char *message) {
  napi_throw_error(env, code, message);
  return NULL;
}

const struct libpcap *require_libpcap(napi_env env) {
  const char *problem;
  const struct libpcap *pcap = libpcap_load(&problem);
  if (pcap == NULL) throw_error(env, "libpcap", problem);
  return pcap;
}

char *string_of(napi_env env, napi_value value) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok) return NULL;
  char *text = malloc(length + 1);
  if (text != NULL) napi_get_value_string_utf8(env, value, text, length + 1, &length);
  return text;
}

int32_t int_of(napi_env env, napi_value value) {
  int32_t number = 0;
  napi_get_value_int32(env, value, &number);
  return number;
}

int bool_of(napi_env env, napi_value value) {
  bool truth = false;
  napi_get_value_bool(env, value, &truth);
  return truth;
}

void set_number(napi_env env, napi_value object, const char *name, double value) {
  napi_value number;
  if (napi_create_double(env, value, &number) == napi_ok) napi_set_named_property(env, object, name, number);
}

void set_string(napi_env env, napi_value object, const char *name, const char *value) {
  napi_value text;
  if (napi_create_string_utf8(env, value, NAPI_AUTO_LENGTH, &text) == napi_ok)
    napi_set_named_property(env, object, name, text);
}

static napi_value version(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value text;
  const struct libpcap *pcap = require_libpcap(env);
  if (pcap == NULL) return NULL;
  CHECK(env, napi_create_string_utf8(env, pcap->lib_version(), NAPI_AUTO_LENGTH, &text));
  return text;
}

#define FUNCTION(name, function) {name, NULL, function, NULL, NULL, NULL, napi_enumerable, NULL}

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      FUNCTION("version", version),          FUNCTION("interfaces", interfaces),
      FUNCTION("interfaceFlags", interface_flags),
      FUNCTION("compile", compile_filter),   FUNCTION("match", match_filter),
      FUNCTION("open", open_capture),        FUNCTION("begin", begin_capture),
      FUNCTION("release", release_slot),
      FUNCTION("state", read_state),         FUNCTION("stop", stop_capture),
      FUNCTION("close", close_capture),      FUNCTION("becomeUser", become_user),
      FUNCTION("notify", notify),            FUNCTION("isReaderGone", is_reader_gone),
      FUNCTION("bindColumns", bind_columns), FUNCTION("locatePlain", locate_plain),
      FUNCTION("decodeRows", decode_rows),   FUNCTION("lookAhead", look_ahead),
      FUNCTION("lookAtFlows", look_at_flows),
      FUNCTION("bindTracker", bind_tracker), FUNCTION("follow", follow),
      FUNCTION("readHeaders", read_headers), FUNCTION("takeHeaders", take_headers),
      FUNCTION("closeHeaders", close_headers), FUNCTION("giveBackHeaders", give_back_headers),
      FUNCTION("populate", populate),        FUNCTION("discard", discard),        FUNCTION("restAlone", rest_alone),
  };
  CHECK(env, napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions));
  return exports;
}
