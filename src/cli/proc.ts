/**
 * Reads what `pawscope collect` needs from a /proc folder, or from a recorded one in tests. It only reads and needs no
 * privilege; what cannot be read becomes an entry of `missing`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HOST_CONTEXT_VERSION, type HostContext } from '../detect/context/host-context.ts';

/**
 * Settings that a rule or its advice mentions. Many exist only in some kernels, or only in the initial network
 * namespace.
 */
export const COLLECTED_SYSCTLS: readonly string[] = [
  ...[
    'tcp_abort_on_overflow',
    'tcp_challenge_ack_limit',
    'tcp_fin_timeout',
    'tcp_invalid_ratelimit',
    'tcp_keepalive_intvl',
    'tcp_keepalive_probes',
    'tcp_keepalive_time',
    'tcp_max_orphans',
    'tcp_max_syn_backlog',
    'tcp_max_tw_buckets',
    'tcp_orphan_retries',
    'tcp_retries2',
    'tcp_rfc1337',
    'tcp_syn_linear_timeouts',
    'tcp_syn_retries',
    'tcp_synack_retries',
    'tcp_syncookies',
    'tcp_timestamps',
    'tcp_tw_recycle',
    'tcp_tw_reuse',
    'tcp_tw_reuse_delay',
    'ip_local_port_range',
    'ip_local_reserved_ports',
  ].map(name => `net.ipv4.${name}`),
  'net.core.netdev_max_backlog',
  'net.core.somaxconn',
  ...[
    'buckets',
    'count',
    'max',
    'tcp_be_liberal',
    'tcp_loose',
    'tcp_timeout_close',
    'tcp_timeout_close_wait',
    'tcp_timeout_established',
    'tcp_timeout_fin_wait',
    'tcp_timeout_last_ack',
    'tcp_timeout_max_retrans',
    'tcp_timeout_syn_recv',
    'tcp_timeout_syn_sent',
    'tcp_timeout_time_wait',
    'tcp_timeout_unacknowledged',
  ].map(name => `net.netfilter.nf_conntrack_${name}`),
];

/**
 * The context of the host whose /proc is at `root`. `addresses` and `collected` are passed in, as /proc does not have
 * them.
 */
export function readProc(root: string, addresses: readonly string[], collected: Date): HostContext {
  const missing: { what: string; why: string }[] = [];
  const read = (path: string, what = `/proc/${path}`): string | undefined => {
    try {
      return readFileSync(join(root, path), 'utf8');
    } catch (error) {
      missing.push({ what, why: reason(error) });
      return undefined;
    }
  };
  const sysctls: Record<string, number | string> = {};
  for (const name of COLLECTED_SYSCTLS) {
    const text = read(`sys/${name.replaceAll('.', '/')}`, name);
    if (text !== undefined) sysctls[name] = value(text);
  }
  return {
    schema_version: HOST_CONTEXT_VERSION,
    collected: collected.toISOString(),
    booted: bootTime(read('stat')),
    host: read('sys/kernel/hostname')?.trim() ?? '',
    kernel: read('sys/kernel/osrelease')?.trim() ?? '',
    addresses,
    sysctls,
    counters: { ...counters(read('net/snmp')), ...counters(read('net/netstat')) },
    sockets: { ...sockets(read('net/sockstat')), ...sockets(read('net/sockstat6')) },
    conntrack: perProcessor(read('net/stat/nf_conntrack')),
    missing,
  };
}

function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  if (code === 'ENOENT') return 'not there: not in this kernel, its module is not loaded, or not in this namespace';
  if (code === 'EACCES' || code === 'EPERM') return 'not permitted';
  return `cannot be read (${code})`;
}

/** The value of a sysctl: a number, or text such as `32768 60999` or the empty list of reserved ports. */
function value(text: string): number | string {
  const words = text.trim().split(/\s+/).join(' ');
  return /^-?\d+$/.test(words) ? Number(words) : words;
}

function bootTime(stat: string | undefined): string | null {
  const seconds = /^btime (\d+)$/m.exec(stat ?? '')?.[1];
  return seconds === undefined ? null : new Date(Number(seconds) * 1000).toISOString();
}

/** Parses pairs of lines, `TcpExt: name name …` and `TcpExt: value value …`. Older kernels have fewer names. */
function counters(text = ''): Record<string, number> {
  const found: Record<string, number> = {};
  const lines = text.split('\n').filter(line => line.includes(': '));
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [group, ...names] = lines[i].split(/[\s:]+/);
    const [same, ...values] = lines[i + 1].split(/[\s:]+/);
    if (group !== same) continue;
    for (const [at, name] of names.entries()) {
      const n = Number(values[at]);
      if (name !== '' && Number.isFinite(n)) found[`${group}${name}`] = n;
    }
  }
  return found;
}

/** Parses lines such as `TCP: inuse 2 orphan 0 tw 0 alloc 2 mem 17`. */
function sockets(text = ''): Record<string, Record<string, number>> {
  const found: Record<string, Record<string, number>> = {};
  for (const [, group, rest] of text.matchAll(/^(\w+): (.*)$/gm)) {
    found[group] = Object.fromEntries([...rest.matchAll(/(\w+) (\d+)/g)].map(([, name, n]) => [name, Number(n)]));
  }
  return found;
}

/**
 * Parses a line of names followed by a line of hexadecimal numbers for each processor, and sums over the processors,
 * except for `entries`: each line has the total of the table.
 */
function perProcessor(text = ''): Record<string, number> {
  const [head = '', ...rows] = text.trim().split('\n');
  const sums: Record<string, number> = {};
  for (const row of rows) {
    const values = row.trim().split(/\s+/);
    for (const [at, name] of head.trim().split(/\s+/).entries()) {
      const n = Number.parseInt(values[at] ?? '', 16);
      if (!Number.isNaN(n)) sums[name] = name === 'entries' ? n : (sums[name] ?? 0) + n;
    }
  }
  return sums;
}
