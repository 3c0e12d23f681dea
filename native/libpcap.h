/*
 * The parts of libpcap that Pawscope uses, declared here and loaded at run time: neither headers nor library are needed
 * to build or load the addon. Names and layouts are those of <pcap/pcap.h> (libpcap 1.5 and newer).
 */
#ifndef PAWSCOPE_LIBPCAP_H
#define PAWSCOPE_LIBPCAP_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>

#define PCAP_ERRBUF_SIZE 256
#define PCAP_NETMASK_UNKNOWN 0xffffffffu
#define PCAP_TSTAMP_PRECISION_NANO 1

/* BPF_RET | BPF_K: returns a constant, the number of bytes of the packet to keep. */
#define BPF_RETURN_VALUE 0x06

#define PCAP_ERROR (-1)
#define PCAP_ERROR_NO_SUCH_DEVICE (-5)
#define PCAP_ERROR_PERM_DENIED (-8)
#define PCAP_ERROR_IFACE_NOT_UP (-9)
#define PCAP_ERROR_PROMISC_PERM_DENIED (-11)

typedef struct pcap pcap_t;

struct pcap_pkthdr {
  /* tv_usec holds nanoseconds if that precision was set. */
  struct timeval ts;
  uint32_t caplen;
  uint32_t len;
};

struct pcap_stat {
  unsigned received;
  unsigned dropped;
  unsigned interface_dropped;
};

struct bpf_program {
  unsigned length;
  void *instructions;
};

struct pcap_addr {
  struct pcap_addr *next;
  struct sockaddr *address;
  struct sockaddr *netmask;
  struct sockaddr *broadcast;
  struct sockaddr *peer;
};

struct pcap_if {
  struct pcap_if *next;
  char *name;
  char *description;
  struct pcap_addr *addresses;
  uint32_t flags;
};

typedef void (*pcap_handler)(unsigned char *user, const struct pcap_pkthdr *header, const unsigned char *bytes);

struct libpcap {
  pcap_t *(*create)(const char *device, char *error);
  pcap_t *(*open_dead)(int link_type, int snaplen);
  int (*set_snaplen)(pcap_t *, int);
  int (*set_promisc)(pcap_t *, int);
  int (*set_timeout)(pcap_t *, int);
  int (*set_buffer_size)(pcap_t *, int);
  int (*set_immediate_mode)(pcap_t *, int);
  int (*set_tstamp_precision)(pcap_t *, int);
  int (*activate)(pcap_t *);
  int (*setnonblock)(pcap_t *, int, char *error);
  int (*dispatch)(pcap_t *, int count, pcap_handler, unsigned char *user);
  int (*get_selectable_fd)(pcap_t *);
  int (*stats)(pcap_t *, struct pcap_stat *);
  int (*datalink)(pcap_t *);
  int (*compile)(pcap_t *, struct bpf_program *, const char *, int optimise, uint32_t netmask);
  int (*setfilter)(pcap_t *, struct bpf_program *);
  int (*offline_filter)(const struct bpf_program *, const struct pcap_pkthdr *, const unsigned char *);
  void (*freecode)(struct bpf_program *);
  int (*findalldevs)(struct pcap_if **, char *error);
  void (*freealldevs)(struct pcap_if *);
  void (*close)(pcap_t *);
  char *(*geterr)(pcap_t *);
  const char *(*statustostr)(int);
  const char *(*lib_version)(void);
};

/* The library, or NULL with a message in *problem. Thread-safe; once found, it stays loaded. */
const struct libpcap *libpcap_load(const char **problem);

#endif
