/*
 * capture.c for JavaScript. open(device, filter, snaplen, bufferSize, promiscuous, immediate, slots, callback) returns
 * { handle, linkType }; begin(handle) starts capturing. The callback receives (slot, bytes, packets) for each filled
 * slot, and (-1, problem) at the end, with an empty problem when the capture was stopped on request.
 */
#include "napi.h"
#include "capture.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

struct binding {
  struct capture *capture;
  napi_threadsafe_function callback;
  napi_ref slots[CAPTURE_MAX_SLOTS];
  size_t slot_count;
  /* Reference count: the handle and the callback each hold the binding until they are finalized. */
  int holders;
  /* Node is shutting down: the callback must not be called any more. */
  int gone;
};

static void unref_buffers(napi_env env, struct binding *binding) {
  if (--binding->holders > 0) return;
  for (size_t i = 0; i < binding->slot_count; i++) napi_delete_reference(env, binding->slots[i]);
  if (binding->capture != NULL) capture_free(binding->capture);
  free(binding);
}

/* Runs in the capturing thread. */
static void deliver(void *user, const struct slot *slot) {
  struct binding *binding = user;
  if (binding->gone) return;
  /* The queue has no limit, but it cannot be longer than the number of slots. */
  const napi_status status = napi_call_threadsafe_function(binding->callback, (void *)slot, napi_tsfn_nonblocking);
  if (status == napi_closing) binding->gone = 1;
  else if (slot == NULL) napi_release_threadsafe_function(binding->callback, napi_tsfn_release);
}

/* Runs in the JavaScript thread. */
static void call_back(napi_env env, napi_value function, void *context, void *data) {
  struct binding *binding = context;
  const struct slot *slot = data;
  napi_value arguments[3], receiver, exception;
  if (env == NULL) return;
  napi_get_undefined(env, &receiver);
  if (slot == NULL) {
    napi_create_int32(env, -1, &arguments[0]);
    napi_create_string_utf8(env, capture_problem(binding->capture), NAPI_AUTO_LENGTH, &arguments[1]);
    napi_create_int32(env, 0, &arguments[2]);
  } else {
    napi_create_uint32(env, (uint32_t)capture_slot_number(binding->capture, slot), &arguments[0]);
    napi_create_uint32(env, slot->filled, &arguments[1]);
    napi_create_uint32(env, slot->packets, &arguments[2]);
  }
  if (napi_call_function(env, receiver, function, 3, arguments, NULL) != napi_pending_exception) return;
  if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) napi_fatal_exception(env, exception);
}

/* The capturing thread must not outlive the environment whose memory it writes to. */
static void close_at_exit(void *data) { capture_close(((struct binding *)data)->capture); }

static void callback_gone(napi_env env, void *data, void *hint) {
  (void)hint;
  struct binding *binding = data;
  napi_remove_env_cleanup_hook(env, close_at_exit, binding);
  capture_close(binding->capture);
  unref_buffers(env, binding);
}

static void handle_gone(napi_env env, void *data, void *hint) {
  (void)hint;
  unref_buffers(env, data);
}

static napi_value throw_status(napi_env env, int status, const char *problem) {
  static const struct {
    int status;
    const char *code;
  } CODES[] = {
      {CAPTURE_BAD_FILTER, "filter"},
      {PCAP_ERROR_NO_SUCH_DEVICE, "no-device"},
      {PCAP_ERROR_PERM_DENIED, "permission"},
      {PCAP_ERROR_PROMISC_PERM_DENIED, "permission"},
      {PCAP_ERROR_IFACE_NOT_UP, "down"},
  };
  for (size_t i = 0; i < sizeof CODES / sizeof *CODES; i++)
    if (CODES[i].status == status) return throw_error(env, CODES[i].code, problem);
  return throw_error(env, "capture", problem);
}

static struct capture *open_as_told(napi_env env, const struct libpcap *pcap, const napi_value *arguments) {
  char problem[CAPTURE_PROBLEM_SIZE] = "out of memory";
  int status = PCAP_ERROR;
  struct capture *capture = NULL;
  char *device = string_of(env, arguments[0]);
  char *filter = string_of(env, arguments[1]);
  if (device != NULL && filter != NULL) {
    const struct capture_settings settings = {
        .device = device,
        .filter = filter,
        .snaplen = int_of(env, arguments[2]),
        .buffer_size = int_of(env, arguments[3]),
        .promiscuous = bool_of(env, arguments[4]),
        .immediate = bool_of(env, arguments[5]),
    };
    capture = capture_open(pcap, &settings, &status, problem);
  }
  free(device);
  free(filter);
  if (capture == NULL) throw_status(env, status, problem);
  return capture;
}

/* Fills `slots` from an array of Uint8Array, and keeps those alive. */
static napi_status lend_slots(napi_env env, struct binding *binding, napi_value array, struct slot *slots) {
  uint32_t count = 0;
  napi_status status = napi_get_array_length(env, array, &count);
  if (count > CAPTURE_MAX_SLOTS) count = CAPTURE_MAX_SLOTS;
  for (uint32_t i = 0; i < count && status == napi_ok; i++) {
    napi_value element;
    void *bytes = NULL;
    size_t size = 0;
    status = napi_get_element(env, array, i, &element);
    if (status == napi_ok) status = napi_get_typedarray_info(env, element, NULL, &size, &bytes, NULL, NULL);
    if (status == napi_ok) status = napi_create_reference(env, element, 1, &binding->slots[i]);
    if (status != napi_ok) break;
    slots[i] = (struct slot){.bytes = bytes, .size = (uint32_t)size};
    binding->slot_count++;
  }
  return status;
}

static napi_value bind_capture(napi_env env, struct binding *binding, napi_value slot_array, napi_value function) {
  struct slot slots[CAPTURE_MAX_SLOTS];
  napi_value result, handle, name;
  CHECK(env, lend_slots(env, binding, slot_array, slots));
  CHECK(env, napi_create_object(env, &result));
  set_number(env, result, "linkType", capture_link_type(binding->capture));
  CHECK(env, napi_create_external(env, binding, handle_gone, NULL, &handle));
  binding->holders++;
  CHECK(env, napi_set_named_property(env, result, "handle", handle));
  CHECK(env, napi_create_string_utf8(env, "pawscope capture", NAPI_AUTO_LENGTH, &name));
  CHECK(env, napi_create_threadsafe_function(env, function, NULL, name, 0, 1, binding, callback_gone, binding,
                                             call_back, &binding->callback));
  binding->holders++;
  /* Cleanup hooks run in reverse order: registered after the callback, this one runs before the callback is freed. */
  CHECK(env, napi_add_env_cleanup_hook(env, close_at_exit, binding));
  const int error = capture_lend(binding->capture, slots, binding->slot_count, deliver, binding);
  if (error == 0) return result;
  napi_release_threadsafe_function(binding->callback, napi_tsfn_abort);
  return throw_error(env, "capture", strerror(error));
}

/*
 * Makes glibc return memory that a long run frees to the system. By default it raises the mmap threshold up to 32 MB as
 * large blocks are freed, and gives each thread its own arena, in which free memory between used blocks is kept.
 */
static void settle_allocator(void) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  mallopt(M_TRIM_THRESHOLD, 128 << 10);
  mallopt(M_ARENA_MAX, 2);
#endif
}

napi_value open_capture(napi_env env, napi_callback_info info) {
  ARGUMENTS(env, info, 8);
  const struct libpcap *pcap = require_libpcap(env);
  if (pcap == NULL) return NULL;
  settle_allocator();
  struct binding *binding = calloc(1, sizeof *binding);
  if (binding == NULL) return throw_error(env, NULL, "out of memory");
  binding->holders = 1;
  binding->capture = open_as_told(env, pcap, arguments);
  napi_value result = binding->capture == NULL ? NULL : bind_capture(env, binding, arguments[6], arguments[7]);
  unref_buffers(env, binding);
  return result;
}

static struct capture *capture_of(napi_env env, napi_value handle) {
  void *data = NULL;
  if (napi_get_value_external(env, handle, &data) == napi_ok) return ((struct binding *)data)->capture;
  throw_last(env);
  return NULL;
}

napi_value begin_capture(napi_env env, napi_callback_info info) {
  ARGUMENTS(env, info, 1);
  struct capture *capture = capture_of(env, arguments[0]);
  if (capture != NULL && capture_begin(capture) != 0) return throw_error(env, "capture", capture_problem(capture));
  return NULL;
}

napi_value release_slot(napi_env env, napi_callback_info info) {
  ARGUMENTS(env, info, 2);
  struct capture *capture = capture_of(env, arguments[0]);
  if (capture != NULL) capture_release(capture, (size_t)int_of(env, arguments[1]));
  return NULL;
}

napi_value read_state(napi_env env, napi_callback_info info) {
  napi_value object, settled, counted;
  struct capture_state state;
  ARGUMENTS(env, info, 1);
  struct capture *capture = capture_of(env, arguments[0]);
  if (capture == NULL) return NULL;
  capture_read_state(capture, &state);
  CHECK(env, napi_create_object(env, &object));
  CHECK(env, napi_create_bigint_int64(env, state.settled, &settled));
  CHECK(env, napi_set_named_property(env, object, "settled", settled));
  CHECK(env, napi_create_bigint_int64(env, state.counted, &counted));
  CHECK(env, napi_set_named_property(env, object, "counted", counted));
  set_number(env, object, "delivered", (double)state.delivered);
  set_number(env, object, "dropped", (double)state.dropped);
  set_number(env, object, "interfaceDropped", (double)state.interface_dropped);
  return object;
}

napi_value stop_capture(napi_env env, napi_callback_info info) {
  ARGUMENTS(env, info, 1);
  struct capture *capture = capture_of(env, arguments[0]);
  if (capture != NULL) capture_stop(capture);
  return NULL;
}

napi_value close_capture(napi_env env, napi_callback_info info) {
  ARGUMENTS(env, info, 1);
  struct capture *capture = capture_of(env, arguments[0]);
  if (capture == NULL) return NULL;
  /* Reports the end to the callback, even of a capture that has not begun, so that the callback is released. */
  capture_stop(capture);
  capture_close(capture);
  return NULL;
}
