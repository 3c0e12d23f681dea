/** What `pawscope collect` recorded of one host, in the shape of host.json: facts that were only read, and when. */

export const HOST_CONTEXT_VERSION = 1;

export interface HostContext {
  schema_version: typeof HOST_CONTEXT_VERSION;
  /** RFC 3339, UTC. Counters and sysctls are those of this moment. */
  collected: string;
  /** When the kernel, and with it its counters, started; null if that could not be read. */
  booted: string | null;
  /** What the host calls itself. */
  host: string;
  /** `uname -r`: 3.10.0-693.21.1.el7.x86_64. */
  kernel: string;
  /** As RFC 5952 writes them. */
  addresses: readonly string[];
  /** By full name (net.ipv4.tcp_tw_reuse). A setting with several numbers is kept as text. */
  sysctls: Readonly<Record<string, number | string>>;
  /** As `nstat -az` names them: TcpExtListenOverflows. */
  counters: Readonly<Record<string, number>>;
  /** As /proc/net/sockstat groups them: TCP → tw. */
  sockets: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** From /proc/net/stat/nf_conntrack, summed over the processors. */
  conntrack: Readonly<Record<string, number>>;
  /** What could not be read, and why. */
  missing: readonly { what: string; why: string }[];
}
