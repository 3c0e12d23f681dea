/** Advice on attempts that were answered late, where packets show why (unanswered-syn). */
import type { Check, Row } from './advice.ts';
import { largerBacklog } from './checks.ts';
import { reverseRoute } from './handshake-checks.ts';

const cookieCounters: Check = {
  where: 'the server',
  command: 'nstat -az TcpExtTCPReqQFullDoCookies TcpExtListenOverflows; sysctl net.ipv4.tcp_syncookies',
  expect:
    'The first grows by one for each SYN cookie, the second for each SYN or connection that found the accept queue full. ' +
    'tcp_syncookies=2: cookies are always sent, and show no full queue.',
};

export const lateAnswers = {
  'late-answer': {
    meaning:
      'The server took the first SYN: its SYN-ACK echoes the TSval of that one. So neither a firewall nor a full queue ' +
      'dropped it. Its first SYN-ACK was lost on the way back, or the round trip takes longer than the timer of the client.',
    checks: [
      {
        where: 'the client',
        command: 'ping -c 20 {server}',
        expect:
          'Times near a second: the path is that slow, and nothing was lost. Short ones, and some lost: the path loses packets.',
      },
      reverseRoute,
    ],
    askNext: 'The network team on the path from {server} to {client}, if it happens often.',
  },
  'held-back': {
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
  },
  'syn-cookie': {
    meaning:
      'The server answered late, and with a SYN cookie: the TSvals of its SYN-ACKs carry the options of the client, as Linux ' +
      'writes them where its queue of half-open connections is full (or always, with tcp_syncookies=2). More connections came ' +
      'at once than the backlog of the listener holds; while its accept queue is full too, SYNs are dropped in silence.',
    checks: [cookieCounters],
    change: [largerBacklog],
    askNext: 'The owner of the service on {server}:{server_port}: its backlog, and how fast it accepts connections.',
  },
} as const satisfies Readonly<Record<string, Row>>;
