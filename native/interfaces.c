/* interfaces(): the devices on which libpcap can capture, as { name, description, flags, addresses }. */
#include "napi.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/* Writes an IP address as text; returns false for other addresses. */
static int address_text(const struct sockaddr *address, char *text) {
  if (address == NULL) return 0;
  if (address->sa_family == AF_INET)
    return inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text, INET6_ADDRSTRLEN) != NULL;
  if (address->sa_family == AF_INET6)
    return inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, text, INET6_ADDRSTRLEN) != NULL;
  return 0;
}

static napi_value addresses_of(napi_env env, const struct pcap_if *interface) {
  napi_value list, text;
  uint32_t count = 0;
  CHECK(env, napi_create_array(env, &list));
  for (const struct pcap_addr *address = interface->addresses; address != NULL; address = address->next) {
    char buffer[INET6_ADDRSTRLEN];
    if (!address_text(address->address, buffer)) continue;
    CHECK(env, napi_create_string_utf8(env, buffer, NAPI_AUTO_LENGTH, &text));
    CHECK(env, napi_set_element(env, list, count++, text));
  }
  return list;
}

static napi_value list_of(napi_env env, const struct pcap_if *first) {
  napi_value list, object;
  uint32_t count = 0;
  CHECK(env, napi_create_array(env, &list));
  for (const struct pcap_if *interface = first; interface != NULL; interface = interface->next) {
    CHECK(env, napi_create_object(env, &object));
    set_string(env, object, "name", interface->name);
    set_string(env, object, "description", interface->description == NULL ? "" : interface->description);
    set_number(env, object, "flags", interface->flags);
    napi_value addresses = addresses_of(env, interface);
    if (addresses == NULL) return NULL;
    CHECK(env, napi_set_named_property(env, object, "addresses", addresses));
    CHECK(env, napi_set_element(env, list, count++, object));
  }
  return list;
}

napi_value interfaces(napi_env env, napi_callback_info info) {
  (void)info;
  char error[PCAP_ERRBUF_SIZE] = "";
  struct pcap_if *first = NULL;
  const struct libpcap *pcap = require_libpcap(env);
  if (pcap == NULL) return NULL;
  if (pcap->findalldevs(&first, error) != 0) return throw_error(env, NULL, error);
  napi_value list = list_of(env, first);
  pcap->freealldevs(first);
  return list;
}
