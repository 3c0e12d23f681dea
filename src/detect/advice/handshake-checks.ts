/** Checks for a handshake that fails, or is late: at the client, at the server and between them. */
import type { Check } from './advice.ts';
import { firewallRules } from './checks.ts';

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
