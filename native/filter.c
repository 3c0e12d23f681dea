/*
 * compile(text, linkType): compiles a filter for frames of that link type. match(filter, bytes, starts, ends, lengths,
 * count, verdicts): runs it over `count` frames of `bytes` in one call and writes 1 (match) or 0 for each.
 */
#include "napi.h"

#include <stdlib.h>

/* Bytes of a frame that a filter may look at: libpcap's MAXIMUM_SNAPLEN. */
#define MAX_SNAPLEN 262144

struct filter {
  const struct libpcap *pcap;
  struct bpf_program program;
};

static void free_filter(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct filter *filter = data;
  filter->pcap->freecode(&filter->program);
  free(filter);
}

napi_value compile_filter(napi_env env, napi_callback_info info) {
  napi_value external;
  ARGUMENTS(env, info, 2);
  const struct libpcap *pcap = require_libpcap(env);
  if (pcap == NULL) return NULL;
  struct filter *filter = calloc(1, sizeof *filter);
  char *text = string_of(env, arguments[0]);
  pcap_t *handle = pcap->open_dead(int_of(env, arguments[1]), MAX_SNAPLEN);
  if (filter == NULL || text == NULL || handle == NULL) throw_error(env, NULL, "out of memory");
  else if (pcap->compile(handle, &filter->program, text, 1, PCAP_NETMASK_UNKNOWN) != 0)
    throw_error(env, "filter", pcap->geterr(handle));
  else {
    filter->pcap = pcap;
    pcap->close(handle);
    free(text);
    CHECK(env, napi_create_external(env, filter, free_filter, NULL, &external));
    return external;
  }
  if (handle != NULL) pcap->close(handle);
  free(text);
  free(filter);
  return NULL;
}

napi_value match_filter(napi_env env, napi_callback_info info) {
  void *filter_data, *bytes, *starts, *ends, *lengths, *verdicts;
  ARGUMENTS(env, info, 7);
  CHECK(env, napi_get_value_external(env, arguments[0], &filter_data));
  CHECK(env, napi_get_typedarray_info(env, arguments[1], NULL, NULL, &bytes, NULL, NULL));
  CHECK(env, napi_get_typedarray_info(env, arguments[2], NULL, NULL, &starts, NULL, NULL));
  CHECK(env, napi_get_typedarray_info(env, arguments[3], NULL, NULL, &ends, NULL, NULL));
  CHECK(env, napi_get_typedarray_info(env, arguments[4], NULL, NULL, &lengths, NULL, NULL));
  CHECK(env, napi_get_typedarray_info(env, arguments[6], NULL, NULL, &verdicts, NULL, NULL));
  const struct filter *filter = filter_data;
  const int32_t count = int_of(env, arguments[5]);
  for (int32_t i = 0; i < count; i++) {
    const uint32_t start = ((const uint32_t *)starts)[i];
    const struct pcap_pkthdr header = {
        .caplen = ((const uint32_t *)ends)[i] - start,
        .len = ((const uint32_t *)lengths)[i],
    };
    const int matches = filter->pcap->offline_filter(&filter->program, &header, (const uint8_t *)bytes + start);
    ((uint8_t *)verdicts)[i] = matches != 0;
  }
  return NULL;
}
