/** Advice where it may be the SYN itself for which it gets no answer (unanswered-syn). */
import type { Change, Check, Row } from './advice.ts';
import { bothSides, firewallRules, kernel, passiveRejected, twRecycle } from './checks.ts';
import { arrivals } from './handshake-checks.ts';

const synDiffers: Row = {
  meaning:
    'The SYNs of this address that got no answer differ from the answered ones in {differs}, and what drops SYNs for that, ' +
    'such as a firewall, explains it. A server with tcp_tw_recycle=1 drops just these SYNs as well, for their TSval. The ' +
    'packets do not tell which of the two it is.',
  checks: [arrivals, kernel, twRecycle, passiveRejected, firewallRules],
  askNext:
    'The firewall team where the SYNs do not arrive at the server; where they do, its owner: kernel version and ' +
    'tcp_tw_recycle.',
};

const burdenSettings: Check = {
  where: 'the client',
  command: 'sysctl net.ipv4.tcp_ecn net.ipv4.tcp_ecn_fallback net.ipv4.tcp_fastopen',
  expect:
    'tcp_ecn 1: Linux asks for ECN in each SYN, and with tcp_ecn_fallback 1 leaves it out when the SYN is sent again. ' +
    'tcp_fastopen with bit 1: applications may send data in the SYN.',
};

const letBurdensPass: Change = {
  what:
    'Let the device that drops them pass SYNs with ECE and CWR (RFC 3168), or with data and option 34 (RFC 7413). Until ' +
    'then, on the client: net.ipv4.tcp_ecn=2, or net.ipv4.tcp_fastopen=0.',
  risk: 'Without ECN routers drop packets to signal congestion; without Fast Open a connection costs one round trip more.',
};

const onePlainSyn: Check = {
  where: 'the client',
  command: 'hping3 -c 1 -S -p {server_port} {server}',
  expect:
    'One plain SYN, never sent again. flags=SA: first SYNs pass, and those are dropped for what they carry. No answer: the ' +
    'first SYN of each connection is dropped.',
};

const exempt: Change = {
  what: 'Let the protection from floods drop first SYNs only during an attack, or exempt known clients.',
  risk: 'Forged SYNs of an attack then reach the server: its SYN cookies have to do.',
};

const synChanged: Row = {
  meaning:
    'The SYNs that got no answer differ from the answered ones in {differs}: the client leaves that out when it sends a SYN ' +
    'again. Time and again only the SYN without it was answered. So it is likely that a device on the way, or the server, ' +
    'drops SYNs for that, and each connection pays for it with the time until the SYN is sent again.',
  checks: [arrivals, burdenSettings, firewallRules],
  change: [letBurdensPass],
  askNext: 'The firewall team: which device on the way from {client} to {server} drops SYNs for that.',
};

const firstOrChanged: Row = {
  meaning:
    'Time and again the first SYN got no answer and the one sent again did. They differ in {differs}, which the client leaves ' +
    'out when it sends a SYN again: a device may drop SYNs for that. Or it drops the first SYN of each connection, to see ' +
    'who sends it again, as protection from floods does. No first SYN without that was seen to be answered, so the packets do ' +
    'not tell which. Each connection pays with the time until the SYN is sent again.',
  checks: [onePlainSyn, arrivals, burdenSettings, firewallRules],
  change: [letBurdensPass, exempt],
  askNext:
    'The firewall team, and that of the protection from floods: which device drops SYNs before {server}, and why.',
};

const firstSyn: Row = {
  meaning:
    'Time and again the first SYN got no answer and the one sent again did, whatever they carry. A device on the way drops ' +
    'the first SYN of each connection, most likely, to see who sends it again: protection from floods does that, as forged ' +
    'senders send none again. Each connection pays with the time until the SYN is sent again.',
  checks: [onePlainSyn, arrivals],
  change: [exempt],
  askNext: 'The team of the protection from floods in front of {server}: its policy for first SYNs.',
};

const tupleHeld: Row = {
  meaning:
    'The first SYN is lost on tuples that were used a moment ago, and not on others: a path or a full queue does not choose ' +
    'so. A device on the way still holds the old connection of the tuple, drops the SYN, and forgets the old one; the SYN ' +
    'that is sent again passes. IPVS (kube-proxy in mode ipvs) does that before Linux 5.9 with conn_reuse_mode=1 and ' +
    'conntrack=1; other balancers and stateful firewalls may.',
  checks: [
    {
      where: 'the balancer, and each node that runs IPVS',
      command: 'uname -r; sysctl net.ipv4.vs.conn_reuse_mode net.ipv4.vs.conntrack',
      expect: 'Linux before 5.9 with 1 and 1: this is it. "No such file or directory": no IPVS there.',
    },
    {
      where: 'the balancer, and each node that runs IPVS',
      command: 'ipvsadm -Lnc | grep {client}:{client_port}',
      expect: 'An entry in TIME_WAIT or FIN_WAIT long after the close: the tuple is still held (120 s by default).',
    },
    bothSides,
  ],
  change: [
    {
      what: 'Where IPVS does it: Linux 5.9 or newer on the nodes, which no longer drops the SYN.',
      risk: 'That of any upgrade of a kernel.',
    },
    {
      what: 'Until then: net.ipv4.vs.conn_reuse_mode=0 on the nodes.',
      risk: 'A reused port goes to the old backend, even if that is being removed.',
    },
    {
      what: 'Keep connections open and use them again, so that ports are not used again so soon.',
      risk: 'Idle connections cost memory and may be cut by idle timers of balancers and NATs.',
    },
  ],
  askNext: 'Whoever runs the balancer or firewall between {client} and {server}.',
};

export const synFilters = {
  'syn-differs': synDiffers,
  'syn-changed': synChanged,
  'first-or-changed': firstOrChanged,
  'first-syn': firstSyn,
  'tuple-held': tupleHeld,
};
