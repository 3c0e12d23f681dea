/** Checks for a handshake that fails, or is late: at the client, at the server and between them. */
import type { Check, Row } from './advice.ts';
import { firewallRules, largerBacklog } from './checks.ts';

export const arrivals: Check = {
  where: 'the server',
  command: "tcpdump -ni any 'src host {client} and tcp dst port {server_port} and tcp[tcpflags] & tcp-syn != 0'",
  expect:
    'The SYNs do not arrive: they are lost before the server. They arrive and nothing leaves: the server drops them.',
};

export const signatures: Check = {
  where: 'the server, if it is a router (BGP, LDP, MSDP)',
  command:
    'nstat -az TcpExtTCPMD5NotFound TcpExtTCPMD5Unexpected TcpExtTCPMD5Failure TcpExtTCPAORequired TcpExtTCPAOBad',
  expect: 'One grows with the SYNs: the server drops them, since their signature (TCP MD5, AO) is missing or wrong.',
};

export const reversePath: Check = {
  where: 'the server',
  command: 'nstat -az TcpExtIPReversePathFilter; ip route get {client}',
  expect: 'The counter grows: SYNs come in by another interface than the way back, and rp_filter drops them.',
};

export const localFirewall: Check = { ...firewallRules, where: 'this host, its loopback interface included' };

export const synAcksAtClient: Check = {
  where: 'the client',
  command: "tcpdump -ni any 'src host {server} and tcp src port {server_port} and tcp[tcpflags] & tcp-syn != 0'",
  expect:
    'SYN-ACKs do not arrive: lost or filtered on the way back. They arrive and the client repeats its SYN: it ' +
    'refuses them itself (local firewall, rp_filter, wrong checksum).',
};

export const acksAtServer: Check = {
  where: 'the server',
  command: "tcpdump -ni any 'src host {client} and tcp port {client_port}'",
  expect:
    'After the SYN nothing of the client arrives: the path drops it. ACK and data arrive, and the SYN-ACK is repeated: the ' +
    'accept queue is full.',
};

export const acksLeave: Check = {
  where: 'the client',
  command: "tcpdump -ni any 'dst host {server} and tcp dst port {server_port}'",
  expect: 'ACKs and data leave, and do not arrive at the server: they are dropped on the way there.',
};

export const forwardRoute: Check = {
  where: 'the client, and each router and firewall up to the server',
  command: 'ip route get {server}',
  expect: 'The way there. A stateful firewall on it that is not on the way back sees no SYN-ACK.',
};

export const reverseRoute: Check = {
  where: 'the server, and each router and firewall up to the client',
  command: 'ip route get {client}',
  expect: 'The way back: a firewall that saw no SYN on it drops the SYN-ACK as invalid.',
};

const cookieCounters: Check = {
  where: 'the server',
  command: 'nstat -az TcpExtTCPReqQFullDoCookies TcpExtListenOverflows; sysctl net.ipv4.tcp_syncookies',
  expect:
    'The first grows by one for each SYN cookie, the second for each SYN or connection that found the accept queue full. ' +
    'tcp_syncookies=2: cookies are always sent, and show no full queue.',
};

/** For a server that answers with SYN cookies. */
export const synCookie: Row = {
  meaning:
    'The server answered late, and with a SYN cookie: the TSvals of its SYN-ACKs carry the options of the client, as Linux ' +
    'writes them where its queue of half-open connections is full (or always, with tcp_syncookies=2). More connections came ' +
    'at once than the backlog of the listener holds; while its accept queue is full too, SYNs are dropped in silence.',
  checks: [cookieCounters],
  change: [largerBacklog],
  askNext: 'The owner of the service on {server}:{server_port}: its backlog, and how fast it accepts connections.',
};

/** SYNs that came together though they were sent one after the other. */
export const heldBack: Row = {
  meaning:
    'Nothing was lost. By their timestamps the SYNs were sent one after the other and came together: something on the ' +
    'way held them back, mostly the look-up of an address (ARP, neighbour discovery) or a radio that slept.',
  checks: [
    {
      where: 'the client, and each router on the way to {server}',
      command: 'ip -s neigh',
      expect: 'INCOMPLETE or FAILED for the next hop: its address was being looked up.',
    },
  ],
  askNext: 'Nobody, if it happens once. Else the network team: why the next hop has to be looked up so often.',
};
