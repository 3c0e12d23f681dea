/** Advice on recycle-signature, and where SYNs vanish as by its rule. */
import { type Check, type EvidenceIn, type Row, refuted, ruleAdvice } from './advice.ts';
import {
  bothSides,
  firewallRules,
  kernel,
  passiveRejected,
  peerTimestamp,
  switchRecycleOff,
  twRecycle,
} from './checks.ts';
import { arrivals } from './handshake-checks.ts';

/** SYNs vanish as by the rule, at a server that does not have it: where to look for who drops them. */
export const droppedElsewhere: Row = {
  meaning:
    'SYNs whose TSval lies behind the newest of the connections that {server} closed first get no answer, as by the rule ' +
    'of tcp_tw_recycle. What remains is a balancer or firewall before it that compares timestamps, another host that has ' +
    'its address, or a setting that was changed between the capture and the collection.',
  checks: [bothSides, firewallRules],
  askNext: 'Whoever runs the balancer or firewall before {server}.',
};

const serverSystem: Check = {
  where: '{server}, and each balancer or firewall before it',
  command: 'uname -r; sysctl net.ipv4.tcp_tw_recycle',
  expect:
    'Linux up to 4.11 with 1: that machine drops the SYNs, if it ends connections itself. "No such file or ' +
    'directory" on all: look for a filter that compares timestamps.',
};

function choose(e: EvidenceIn<'recycle-signature'>) {
  if (refuted(e)) return 'dropped-elsewhere';
  if (e.differs !== undefined) return 'syns-differ';
  if ((e.server_clocks ?? 1) > 1) return 'several-clocks';
  return e.both_fates ? 'rest' : 'hosts-differ';
}

/** How to tell the rule from a filter. */
const OR_FILTER =
  'The counter TcpExtPAWSPassive of the server decides: where it grows with the failures the rule drops them, where it ' +
  'stands still, or the kernel is 4.12 or newer, something else does.';

export const recycleSignatureAdvice = ruleAdvice({
  doNot:
    'Do not set tcp_timestamps to 0 on the clients: the rule also drops SYNs without timestamps from Linux 3.17 on. Never ' +
    'enable tcp_tw_recycle.',
  choose,
  rows: {
    'syns-differ': {
      meaning:
        'SYNs whose TSval lies behind the newest of the connections that {server} closed first get no answer, the others ' +
        'do: the rule of tcp_tw_recycle. But the same SYNs also differ from the answered ones in {differs}, and what drops ' +
        `SYNs for that, such as a firewall, looks the same. The packets do not tell which. ${OR_FILTER}`,
      checks: [kernel, twRecycle, passiveRejected, arrivals, firewallRules],
      doNot: 'Do not change the server, or the clients, before one of the checks has told which of the two it is.',
      askNext:
        'The firewall team between {client} and {server}, with two SYNs of each kind; then the owner of the ' +
        'server: its kernel.',
    },
    'hosts-differ': {
      meaning:
        'The SYNs of {client} are answered, except those whose TSval lies behind the newest of the connections that ' +
        '{server} closed first: these are dropped in silence. This is how Linux up to 4.11 with tcp_tw_recycle=1 treats ' +
        'several hosts behind one address. But the hosts that are kept out were never let in while the capture ran, so ' +
        'anything else that tells them from the others looks the same: an access list of their own address before the NAT, ' +
        `a route, a filter. ${OR_FILTER}`,
      checks: [kernel, twRecycle, passiveRejected, peerTimestamp, arrivals],
      change: [switchRecycleOff],
      doNot: 'Do not change the server before one of the checks has shown that it applies the rule.',
      askNext:
        'The owner of {server}, and of a balancer there: with the table of SYNs, which were answered and which were not.',
    },
    'dropped-elsewhere': droppedElsewhere,
    'several-clocks': {
      meaning:
        'SYNs whose TSval lies behind the newest of the connections that the server closed first get no answer, the others ' +
        'do: the rule of tcp_tw_recycle. But the SYN-ACKs come from {server_clocks} TSval clocks on {server_connections} ' +
        'connections, and one Linux with that setting has one clock towards a client: {server} is several hosts, or another ' +
        'system, and a device or filter before it may do the dropping.',
      checks: [serverSystem, bothSides, firewallRules],
      askNext: 'Whoever runs the balancer or firewall before {server}; then the owner of the server.',
    },
    rest: {
      meaning:
        'The SYNs of {client} are answered, except those whose TSval lies behind the newest of the connections that ' +
        '{server} closed first: these are dropped in silence. This is how Linux up to 4.11 with tcp_tw_recycle=1 treats ' +
        'several hosts behind one address, and one host with a clock for each connection: {server} itself, or a balancer ' +
        'that ends connections in its place. A client stays locked out until its clock has caught up or 60 s have ' +
        'passed. Linux 4.12 and newer cannot do it.',
      checks: [twRecycle, passiveRejected, peerTimestamp],
      change: [switchRecycleOff],
      doNot: 'Do not look for the fault at the clients: a clock was kept out and let in, as the rule says.',
      askNext:
        'The owner of {server}, and of a balancer there: with the table of SYNs, which were answered and which were not.',
    },
  },
});
