/**
 * Commands that several rules use; docs/rules.md E1 says what the counters mean. They count from boot on, so what
 * matters is how much they grow during the failure.
 */
import type { Change, Check } from './advice.ts';

const server = (command: string, expect: string): Check => ({ where: 'the server', command, expect });

export const twRecycle: Check = {
  ...server(
    'sysctl net.ipv4.tcp_tw_recycle',
    '"No such file or directory": Linux 4.12 or newer, it cannot be the cause. 0: it is off. 1: it is on.',
  ),
  collected: true,
};

export const kernel: Check = {
  ...server('uname -r', '4.12 or newer: there is no tcp_tw_recycle and it cannot be the cause.'),
  collected: true,
};

export const passiveRejected = server(
  'nstat -az TcpExtPAWSPassive',
  'Grows by one for each SYN dropped this way. Only the heading is printed: this kernel has no such rule.',
);

export const peerTimestamp = server(
  'ip tcp_metrics show {client}',
  'On Linux 3.6 to 4.11, tw_ts TSVAL/AGE is what SYNs of the address are compared with while AGE is below 60 s.',
);

export const acceptQueue = server(
  "ss -ltn 'sport = :{server_port}'",
  'Recv-Q connections wait for accept(), Send-Q are allowed to. Recv-Q above Send-Q: the accept queue is full.',
);

export const listenOverflows = server(
  'nstat -az TcpExtListenOverflows TcpExtListenDrops',
  'Both grow with the failures: the accept queue overflows. Only ListenDrops grows: SYNs are dropped for another ' +
    'reason, such as a nearly full SYN queue where tcp_syncookies is 0.',
);

export const synQueue = server(
  'nstat -az TcpExtTCPReqQFullDrop TcpExtTCPReqQFullDoCookies',
  'Growing: the SYN queue is full; SYNs are dropped, or answered with cookies.',
);

export const listener = server(
  "ss -ltnp 'sport = :{server_port}'",
  'No line: nothing listens there. A line with 127.0.0.1 or another address: it listens elsewhere.',
);

export const requestRead: Check = {
  where: 'the server, while a client waits',
  command: "ss -tanp 'sport = :{server_port} and dst {client}'",
  expect:
    'Recv-Q above 0: the application has not even read what the client sent. 0: it read that, and works on it or waits for ' +
    'something itself.',
};

/** For a connection on which nobody has sent anything, so that nothing can be unread. */
export const accepted: Check = {
  where: 'the server, while a client waits',
  command: "ss -tanp 'sport = :{server_port} and dst {client}'",
  expect: 'No process beside the connection: nobody has accepted it. A process: it has, and says nothing.',
};

export const timeWaitOfTuple: Check = {
  where: 'the {owner}, which holds the TIME_WAIT',
  command: "ss -tano state time-wait '( sport = :{client_port} or dport = :{client_port} )'",
  expect:
    'Listed for 60 s after the close, at most 65 s on Linux (timer: what is left); gone earlier: something ended it.',
};

export const socketOfTuple: Check = {
  where: 'the server',
  command: "ss -tano 'sport = :{server_port} and dport = :{client_port}'",
  expect:
    'ESTAB without traffic: the server never learned that the old connection is gone. SYN-RECV: it still waits for the ' +
    'handshake of an older attempt. TIME-WAIT: it closed first.',
};

export const twPaws = server(
  'nstat -az TcpExtPAWSEstab TcpExtPAWSTimewait TcpExtTCPACKSkippedTimeWait',
  'One of the first two (by kernel) grows by one for each SYN that PAWS refuses in TIME_WAIT. The third counts ' +
    'ACKs withheld: at most one goes out in 500 ms.',
);

export const synRetrans: Check = {
  where: 'the client',
  command: 'nstat -az TcpExtTCPSynRetrans',
  expect: 'Grows by one for each SYN sent again.',
};

/** Only a capture on both sides shows which side of a device loses a packet. */
export const bothSides: Check = {
  where: 'the client and the server, at once',
  command: "tcpdump -ni any 'host {client} and tcp port {client_port}'",
  expect:
    'What leaves one end and does not reach the other is dropped between them; what never leaves an end is dropped ' +
    'there.',
};

export const firewallRules: Check = {
  where: 'each firewall between them',
  command: 'nft list ruleset; iptables-save -c',
  expect:
    'A rule with drop or reject whose counter grows with the failures. nft counts only where a rule says `counter`: add it ' +
    'to the suspects.',
};

export const conntrackCounters: Check = {
  where: 'the NAT or firewall between them (Linux)',
  command: 'conntrack -S',
  expect: 'insert_failed growing: no port was left to translate to. drop or early_drop growing: its table is full.',
};

export const conntrackTimeWait: Check = {
  where: 'the NAT between them (Linux)',
  command: 'sysctl net.netfilter.nf_conntrack_tcp_timeout_time_wait',
  expect: '120 is the default. Below 60 a port is reused before the server has released it.',
};

export const route: Check = {
  where: 'the machine that captured',
  command: 'ip route get {server}; ip route get {client}',
  expect: 'Different interfaces or gateways: the answer takes a way that this capture does not see.',
};

export const captureDrops: Check = {
  where: 'the machine that captured',
  command: "ethtool -S IFACE | grep -iE 'drop|miss|fifo'",
  expect: 'Growing while capturing, or tcpdump\'s own "packets dropped by kernel": the capture has holes.',
};

export const portRange: Check = {
  where: 'the client or NAT',
  command: 'sysctl net.ipv4.ip_local_port_range net.ipv4.ip_local_reserved_ports',
  expect: 'High minus low plus one, less what is reserved, is how many ports there are for one server port.',
  collected: true,
};

export const switchRecycleOff: Change = {
  what: 'Where tcp_tw_recycle is 1: sysctl -w net.ipv4.tcp_tw_recycle=0 on the server, and out of /etc/sysctl.conf and /etc/sysctl.d.',
  risk: 'TIME_WAITs last 60 s again; each costs a few hundred bytes. Nothing else depends on it.',
};

export const fewerConnections: Change = {
  what: 'Keep connections open and use them again (HTTP keep-alive, connection pools).',
  risk: 'Idle connections cost memory and may be cut by idle timers of balancers and NATs.',
};

export const morePorts: Change = {
  what: 'Give the client or NAT more ports (net.ipv4.ip_local_port_range) or further addresses.',
  risk: 'A wider range may take ports that services bind: list those in net.ipv4.ip_local_reserved_ports.',
};

export const twReuse: Change = {
  what: 'net.ipv4.tcp_tw_reuse=1 on the side that opens connections, with timestamps on at both ends.',
  risk: 'An old duplicate may reach the new connection, where PAWS drops it. Without timestamps it has no effect.',
};

export const largerBacklog: Change = {
  what: 'A larger listen() backlog and net.core.somaxconn, and more or faster workers that accept().',
  risk: 'A longer queue only makes clients wait longer if the application stays too slow.',
};

export const keepAlives: Change = {
  what: 'Keep-alives shorter than the timer: SO_KEEPALIVE with TCP_KEEPIDLE below it, or the timer raised.',
  risk: 'Packets on idle connections; radios of phones wake up for them.',
};

/** Whom to ask if SYNs disappear, or would disappear, by the rule of tcp_tw_recycle. */
export const recycleOwner = 'The owner of the server: kernel version and tcp_tw_recycle.';
