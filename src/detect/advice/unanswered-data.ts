/** Advice on `unanswered-data`: where the answers are missing, and what would have kept the connection alive. */
import { isInUse } from '../resets/known-timers.ts';
import { type Change, type Check, type EvidenceIn, ruleAdvice } from './advice.ts';
import { bothSides, captureDrops, conntrackCounters, firewallRules, keepAlives, route } from './checks.ts';

const entry: Check = {
  where: 'the NAT or firewall between them (Linux)',
  command: 'conntrack -L -p tcp 2>/dev/null | grep "port={client_port} "',
  expect:
    'No line while the {from} still has the connection: the entry is gone. A line with [UNREPLIED]: a retransmission of ' +
    'the {from} has created a new entry, perhaps with another port.',
};

const timers: Check = {
  where: 'the NAT or firewall between them (Linux)',
  command: 'sysctl net.netfilter.nf_conntrack_tcp_timeout_established net.netfilter.nf_conntrack_tcp_loose',
  expect:
    'A timeout below the silence before ({idle}): the entry had expired. loose 0: packets without an entry are ' +
    'INVALID, and usual rules drop them. As documented: AWS NAT gateway 350 s, Azure 240 s.',
};

const socket: Check = {
  where: 'the {from}, while it waits',
  command: "ss -tanoi 'dst {other_address} and sport = :{from_port}'",
  expect: 'timer:(on,…,N) and backoff:N: it has sent N times. unacked: segments without an acknowledgement.',
};

const probes: Check = {
  where: 'the {from}, while it waits',
  command: "ss -tano 'dst {other_address} and sport = :{from_port}'; sysctl net.ipv4.tcp_keepalive_probes",
  expect:
    'timer:(keepalive,…,N): N probes have not been answered. After so many as the sysctl (or TCP_KEEPCNT) says, the {from} ' +
    'gives up by RST.',
};

const soonerProbes: Change = {
  what: 'Where a timer on the path had expired: the first probe sooner than it, by TCP_KEEPIDLE on the sockets of the {from}.',
  risk: 'More packets on idle connections; radios of phones wake up for them.',
};

const peer: Check = {
  where: 'the {other}',
  command: "ss -tanoi 'dst {from_address} and dport = :{from_port}'",
  expect: 'ESTAB with an old lastrcv: the data never arrived. No line: it has closed the connection, or rebooted.',
};

const retransmissions: Check = {
  where: 'the {from}',
  command: 'nstat -az TcpExtTCPTimeouts TcpExtTCPAbortOnTimeout',
  expect:
    'TCPTimeouts grows with each retransmission timeout, TCPAbortOnTimeout with each connection that is given up.',
};

/** A D-SACK proves that a retransmission was not needed (RFC 2883). SACK blocks are not decoded (docs/rules.md D8). */
const twice: Check = {
  where: 'the {from}',
  command: 'nstat -az TcpExtTCPDSACKRecv',
  expect:
    'Grows with such retransmissions: the {other} got the data twice (D-SACK), so only the acknowledgement was ' +
    'lost or late. Does not, while others grow: the data itself was lost.',
};

const host: Check = {
  where: 'the {from}',
  command: 'ip route get {other_address}; ip neigh show {other_address}',
  expect: 'FAILED or INCOMPLETE: the next hop does not answer either. Not the usual route: the path has changed.',
};

const userTimeout: Change = {
  what: 'TCP_USER_TIMEOUT on the sockets of the {from}, so that it gives up within seconds and reconnects.',
  risk: 'Connections break in outages that would have passed.',
};

const shorterPool: Change = {
  what: 'Let the pool of the client close connections before they are idle for as long as the shortest timer on the path.',
  risk: 'More new connections, and TIME_WAIT at the client.',
};

const mtu: Check = {
  where: 'the {from}',
  command: 'ping -M do -s 1472 -c 3 {other_address}',
  expect: 'No answer, while -s 500 gets one: large packets are lost on the path without an ICMP error.',
};

export const unansweredDataAdvice = ruleAdvice({
  doNot:
    'Do not take the silence as proof of a NAT: it shows that no answer came, not who dropped what. Do not lower ' +
    'tcp_retries2 for a whole host as a cure: connections then break in short outages, too.',
  choose: (e: EvidenceIn<'unanswered-data'>) => {
    if (e.class === 'silent' && e.moved_to !== undefined) return 'moved';
    if (e.icmp !== undefined) return e.class === 'recovered' ? 'icmp-recovered' : 'icmp';
    if (e.untried_size !== undefined) return 'path-mtu';
    if (e.class !== 'silent') return e.class;
    if (e.carries === 'fin' || e.closed === true) return 'closed';
    if (e.carries === 'keep-alive') return 'probes';
    if (e.never === true) return 'never';
    if (e.heard_elsewhere > 0) return isInUse(e.idle) ? 'forgotten-in-use' : 'forgotten';
    if (e.heard_after !== undefined) return 'over';
    return isInUse(e.idle) ? 'silent-in-use' : 'rest';
  },
  rows: {
    recovered: {
      meaning:
        'For a while the {other} did not answer, then it did: likely an outage of the path, or the {other} was ' +
        'frozen. The connection continued.',
      checks: [twice, retransmissions, bothSides],
      askNext: 'The network team: a change of route, a fail-over or a full link at that time ({since} to {until}).',
    },
    'answers-lost': {
      meaning:
        'The {other} answers, as this capture shows, but the {from} keeps retransmitting: the answers are likely lost behind ' +
        'the capture point, or dropped by the {from} itself (a local firewall, a bad checksum).',
      checks: [bothSides, route, firewallRules],
      askNext:
        'The team for the path from the {other} to the {from}: stateful firewalls, and routes that differ by direction.',
    },
    'not-acknowledged': {
      meaning:
        'Packets of the {other} arrive on the connection but acknowledge nothing new: the data of the {from} does not ' +
        'reach it, or it drops the data (a bad checksum, PAWS), or the path drops large packets.',
      checks: [bothSides, mtu, retransmissions],
      askNext: 'The network team: what is dropped from the {from} to the {other}, and of which size.',
    },
    'path-mtu': {
      meaning:
        'Smaller packets of the {from} were answered on this connection, the handshake at least, but no segment of ' +
        '{untried_size} bytes ever was: perhaps the path does not carry packets of this size (a tunnel, a VPN, PPPoE) and the ' +
        'ICMP errors that would say so are filtered. A device that inspects data and drops it, or has lost the connection, ' +
        'looks the same.',
      checks: [mtu, bothSides, peer],
      change: [
        {
          what:
            'Let ICMP "fragmentation needed" (v6: "packet too big") pass, or clamp the MSS at the tunnel (TCPMSS ' +
            '--clamp-mss-to-pmtu).',
          risk: 'Clamping makes all packets of those connections smaller.',
        },
      ],
      askNext: 'The network team: the MTU of each hop from the {from} to the {other}, tunnels included.',
    },
    moved: {
      meaning:
        'The {other} continues with the same sequence numbers from another port: likely its NAT had lost the connection, ' +
        'and has created a new entry for later packets. What the {from} sends to the old port is dropped.',
      checks: [timers, entry],
      change: [keepAlives],
      askNext: 'The team for the NAT of the {other}: its idle timeout for TCP.',
    },
    icmp: {
      meaning: 'The data of the {from} cannot be delivered, and an ICMP error of a host on the path says why.',
      checks: [host, firewallRules, bothSides],
      askNext: 'The owner of the host that sent the ICMP error.',
    },
    'icmp-recovered': {
      meaning:
        'For a while the data of the {from} could not be delivered, and an ICMP error of a host on the path says why. Then the ' +
        '{other} answered, and the connection continued.',
      checks: [host, bothSides, retransmissions],
      askNext: 'The owner of the host that sent the ICMP error: what was wrong at that time ({since} to {until}).',
    },
    closed: {
      meaning:
        'The connection was being closed, and its last packets are not answered: the {other}, or a device on the path, has ' +
        'already forgotten it. Only what the {from} sent at the end is lost.',
      checks: [peer, entry],
      askNext: 'Nobody, unless a request was still open.',
    },
    probes: {
      meaning:
        'No data is missing: after {idle} of silence the {from} asked by keep-alive probe whether the {other} is still there, ' +
        'and no answer came. The {other} is gone or cut off, or a NAT, firewall or balancer had forgotten the idle connection ' +
        'before the first probe: the latter where packets of the {other} arrive on other connections meanwhile. A {from} that ' +
        'waits for a response learns only from the probes that it waits in vain.',
      checks: [entry, timers, probes, peer, bothSides],
      change: [soonerProbes],
      askNext: 'The owner of the {other}: was it up? Then the team for NAT or firewall between them: its idle timeout.',
    },
    never: {
      meaning:
        'The handshake was completed, but no data of the {from} was ever acknowledged: a device that inspects the data drops ' +
        'it, the path drops large packets, a balancer or SYN proxy answered for a {other} that is not there, or the accept ' +
        'queue is full.',
      checks: [bothSides, mtu, firewallRules, retransmissions],
      askNext: 'The team for the balancers and firewalls in front of the server.',
    },
    forgotten: {
      meaning:
        'Packets of the {other} arrive on other connections while nothing comes back on this one: the {other} and the path ' +
        'from it are up. A NAT, firewall or balancer has forgotten this connection and silently drops its packets, or the ' +
        '{other} does not answer for it.',
      checks: [entry, timers, peer, bothSides],
      change: [keepAlives, shorterPool, userTimeout],
      askNext:
        'The team for NAT, firewall or balancer between them: the idle timeout for TCP. Then the owner of the {other}.',
    },
    'forgotten-in-use': {
      meaning:
        'Packets of the {other} arrive on other connections while nothing comes back on this one: the {other} and the path ' +
        'from it are up. The connection had been in use until {idle} before, so no idle timer had expired: a device on the ' +
        'path has lost it (a fail-over, a flushed table, another way), or the {other} does not answer for it.',
      checks: [entry, conntrackCounters, peer, bothSides],
      change: [userTimeout],
      askNext:
        'The NAT, firewall or balancer team: what changed at that time ({since} to {until}). Then the owner of the ' +
        '{other}.',
    },
    over: {
      meaning:
        'No acknowledgement came from the {other}, and up to the last retransmission nothing on other connections of the two ' +
        'hosts either, as far as they were looked at. The {other} was heard again only {heard_after} after that. An outage ' +
        'that was over by then looks like this, and SYNs without an answer in that time (unanswered-syn) speak for it. ' +
        'Whether this connection had outlived it was not tried, so a device that forgot the connection is not ruled out: ' +
        'the longer it had been idle before ({idle}), the likelier that is.',
      checks: [host, entry, bothSides, retransmissions],
      askNext: 'The network team: a change of route, a fail-over or a full link at that time ({since} to {until}).',
    },
    'silent-in-use': {
      meaning:
        'The connection had been in use until {idle} before, and then no acknowledgement came from the {other}, and from the ' +
        'second retransmission on nothing on other connections of the two hosts either: it may be down or unreachable. What ' +
        'it sends to other hosts is not looked at. No idle timer had expired; a device that lost the connection for another ' +
        'reason looks the same if there is no other connection to compare with.',
      checks: [host, socket, bothSides, captureDrops],
      change: [userTimeout],
      askNext:
        'The owner of the {other}: was it up? Then the network team: an outage at that time ({since} to {until}).',
    },
    rest: {
      meaning:
        'No acknowledgement has arrived from the {other}, and from the second retransmission on nothing on other connections of the ' +
        'two hosts either: it may be down or unreachable. What it sends to other hosts is not looked at. A NAT or firewall ' +
        'that has forgotten the connection looks the same if there is no other connection to compare with.',
      checks: [host, socket, entry, timers, captureDrops],
      change: [keepAlives, userTimeout],
      askNext: 'The owner of the {other}: was it up? Then the team for NAT or firewall between them.',
    },
  },
});
