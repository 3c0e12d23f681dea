/*
 * interfaces(): the devices on which libpcap can capture, as { name, description, flags, addresses }.
 * interfaceFlags(name): the IFF_ flags of an interface; undefined if there is none, or the system does not say. Asked of
 * the network namespace of this process: /sys shows that of whoever mounted it, as after nsenter --net.
 */
#include "napi.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

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

napi_value interface_flags(napi_env env, napi_callback_info info) {
  ARGUMENTS(env, info, 1);
  struct ifreq request = {0};
  napi_value flags;
  char *name = string_of(env, arguments[0]);
  int fits = name != NULL && strlen(name) < sizeof request.ifr_name;
  if (fits) strcpy(request.ifr_name, name);
  free(name);
  int fd = fits ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
  int known = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0;
  if (fd >= 0) close(fd);
  if (!known) return NULL;
  CHECK(env, napi_create_uint32(env, (uint16_t)request.ifr_flags, &flags));
  return flags;
}
