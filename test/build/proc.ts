/**
 * Excerpts of /proc as written by kernels of different ages, each line in the format of that kernel. A path is missing
 * if the kernel did not have it.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

type Files = Readonly<Record<string, string>>;

const ipv4 = (settings: Readonly<Record<string, string | number>>): Files =>
  Object.fromEntries(Object.entries(settings).map(([name, value]) => [`sys/net/ipv4/${name}`, `${value}\n`]));

const common = (release: string, boot: number): Files => ({
  'sys/kernel/osrelease': `${release}\n`,
  'sys/kernel/hostname': 'gate\n',
  stat: `cpu  1 2 3 4\nbtime ${boot}\nprocesses 17\n`,
});

/** MaxConn is -1 in every kernel, which means unlimited. */
const SNMP =
  'Ip: Forwarding DefaultTTL InReceives\nIp: 2 64 9000\n' +
  'Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens OutRsts\nTcp: 1 200 120000 -1 11 12 13\n';

export type Kernel = '2.6.32' | '3.10' | '4.10' | '5.15' | '6.18';

export const KERNELS: Readonly<Record<Kernel, Files>> = {
  /** RHEL 6: no netfilter module, none of the later overflow counters. */
  '2.6.32': {
    ...common('2.6.32-754.el6.x86_64', 1_700_000_000),
    ...ipv4({
      ip_local_port_range: '32768\t61000',
      tcp_abort_on_overflow: 0,
      tcp_fin_timeout: 60,
      tcp_max_tw_buckets: 180_000,
      tcp_rfc1337: 0,
      tcp_timestamps: 1,
      tcp_tw_recycle: 1,
      tcp_tw_reuse: 0,
    }),
    'net/snmp': SNMP,
    'net/netstat':
      'TcpExt: SyncookiesSent TW TWRecycled PAWSPassive PAWSActive ListenOverflows\nTcpExt: 0 7 0 42 0 3\n',
    'net/sockstat': 'sockets: used 121\nTCP: inuse 6 orphan 0 tw 7 alloc 8 mem 1\nUDP: inuse 2 mem 1\n',
  },
  /** RHEL 7 with conntrack: sixteen hexadecimal columns per processor. */
  '3.10': {
    ...common('3.10.0-1160.el7.x86_64', 1_700_000_000),
    ...ipv4({
      ip_local_port_range: '32768\t60999',
      ip_local_reserved_ports: '',
      tcp_abort_on_overflow: 1,
      tcp_rfc1337: 1,
      tcp_timestamps: 1,
      tcp_tw_recycle: 0,
      tcp_tw_reuse: 0,
    }),
    'sys/net/netfilter/nf_conntrack_count': '17\n',
    'sys/net/netfilter/nf_conntrack_tcp_timeout_time_wait': '120\n',
    'net/snmp': SNMP,
    'net/netstat': 'TcpExt: TW PAWSPassive ListenOverflows TCPTimeWaitOverflow\nTcpExt: 7 0 0 5\n',
    'net/stat/nf_conntrack':
      'entries  searched found new invalid ignore delete delete_list insert insert_failed drop early_drop\n' +
      '00000011  00000000 00000002 00000000 0000000a 00000000 00000000 00000000 00000000 00000001 00000001 00000000\n' +
      '00000011  00000000 00000003 00000000 00000006 00000000 00000000 00000000 00000000 00000000 00000002 00000000\n',
  },
  /** Inside a network namespace, where kernels before 4.11 did not show tcp_tw_recycle and related settings. */
  '4.10': {
    ...common('4.10.17', 1_700_000_000),
    ...ipv4({ ip_local_port_range: '32768\t60999', tcp_timestamps: 1 }),
    'net/snmp': SNMP,
    'net/netstat': 'TcpExt: TW PAWSPassive PAWSActive\nTcpExt: 7 1 0\n',
  },
  '5.15': {
    ...common('5.15.0-91-generic', 1_700_000_000),
    ...ipv4({
      ip_local_port_range: '32768\t60999',
      ip_local_reserved_ports: '30000-33000,40000',
      tcp_abort_on_overflow: 0,
      tcp_max_tw_buckets: 262_144,
      tcp_rfc1337: 0,
      tcp_timestamps: 1,
      tcp_tw_reuse: 2,
    }),
    'net/snmp': SNMP,
    'net/netstat':
      'TcpExt: TW PAWSActive ListenOverflows TCPTimeWaitOverflow\nTcpExt: 7 0 17 0\n' +
      'IpExt: InOctets OutOctets\nIpExt: 12345678901 5\n',
  },
  '6.18': {
    ...common('6.18.44', 1_700_000_000),
    ...ipv4({
      ip_local_port_range: '32768\t60999',
      tcp_abort_on_overflow: 0,
      tcp_rfc1337: 0,
      tcp_syn_linear_timeouts: 4,
      tcp_timestamps: 1,
      tcp_tw_reuse: 1,
      tcp_tw_reuse_delay: 1000,
    }),
    'net/snmp': SNMP,
    'net/netstat': 'TcpExt: TW PAWSActive PAWSTimewait ListenOverflows TCPTimeWaitOverflow\nTcpExt: 7 0 9 0 0\n',
    'net/sockstat6': 'TCP6: inuse 3\n',
  },
};

export function writeProc(folder: string, kernel: Kernel): string {
  for (const [path, text] of Object.entries(KERNELS[kernel])) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}
