/**
 * Advice on RSTs of a handshake, or right after it, although the port is open: connections that the client does not use,
 * MPTCP joins, and refusals while other connections are accepted.
 */
import type { Check, Row } from './advice.ts';
import { bothSides, captureDrops, firewallRules, listener } from './checks.ts';
import { outRsts } from './reset-close-doubtful.ts';

const joinCounters: Check = {
  where: 'the server',
  command:
    'nstat -az MPTcpExtMPJoinNoTokenFound MPTcpExtMPJoinRejected MPTcpExtMPJoinAckHMacFailure; ip mptcp limits show',
  expect:
    'MPJoinNoTokenFound: it no longer had the connection. MPJoinRejected: its limit of subflows (ip mptcp limits) was ' +
    'reached. MPJoinAckHMacFailure: the join was not of this connection.',
};

const pathManager: Check = {
  where: 'the client',
  command: 'ip mptcp endpoint show; ip mptcp limits show; ss -Mtan',
  expect:
    'An endpoint with `subflow`: the client opens joins from its address. ss lists connections and their subflows.',
};

const LEFT = 'The connection that it would have joined goes on without it.';

export const openPortResets = {
  unused: {
    meaning:
      'The client reset the connection at once, and had sent nothing on it: no request is lost. Health checks of balancers ' +
      'connect and reset, to leave no TIME_WAIT, and so do scans. A client that tries IPv6 and IPv4, or several addresses, ' +
      'at the same time (happy eyeballs, RFC 8305) drops the slower attempt. An application that gives up at that moment ' +
      'looks the same.',
    checks: [outRsts],
    askNext:
      'The owner of {client}: does it check {server}:{server_port}, or connect to several addresses? Otherwise nobody ' +
      'needs to act.',
  },
  'unused-subflow': {
    meaning:
      'The SYN asked to join an MPTCP connection (MP_JOIN). Nothing was sent on this subflow, as on most that are only in ' +
      'reserve, and the {from} reset it: nothing is lost with it. An abort of the MPTCP connection resets all of its ' +
      'subflows, so see what became of the others at that moment; or a path manager gave up this path.',
    checks: [pathManager],
    askNext: 'Nobody, unless an RST of the same moment ended a subflow that was in use.',
  },
  'refused-join': {
    meaning:
      'The SYN asked to join an MPTCP connection (MP_JOIN) and was answered by RST. Linux does that where no connection has the ' +
      `token: it was closed or aborted at the server, and the client has not learned of it. ${LEFT} A firewall that ` +
      'rejects, or a port without a listener, looks the same.',
    checks: [joinCounters, pathManager, firewallRules],
    askNext:
      'The owner of {client}: which connection it wanted to join. Then the owner of {server}: how that one had ended.',
  },
  'handshake-abort-join': {
    meaning:
      'The client asked to join an MPTCP connection (MP_JOIN), and the server reset the new subflow when its handshake was ' +
      `complete: it takes no further ones, it no longer has the connection, or the join did not prove to be of it. ${LEFT}`,
    checks: [joinCounters, pathManager],
    change: [
      {
        what: 'Where MPJoinRejected grows: `ip mptcp limits set subflow N` on the server; or no `subflow` endpoint on the client.',
        risk: 'Further subflows send data over further paths, at their cost.',
      },
    ],
    askNext: 'The owner of {server}: how many subflows it is to take.',
  },
  'refused-unseen': {
    meaning:
      'The RST has the form in which a host refuses a SYN, and acknowledges no number of this connection: a SYN on the same ' +
      'ports was refused, and the capture lacks that SYN. To this connection it does nothing.',
    checks: [listener, captureDrops],
    askNext: 'The owner of the service on {server}:{server_port}: did it listen then? And whoever runs the capture.',
  },
  'refused-among-others': {
    meaning:
      'The SYN was answered by RST, and yet the server took a connection of the same client on port {server_port} within a ' +
      'minute: the port was not simply closed. Its listener was restarted, the address has several machines behind it of ' +
      'which one does not listen, or a firewall rejects some.',
    checks: [listener, firewallRules, bothSides],
    askNext:
      'The owner of the service on {server}:{server_port}: was it restarted? Then the load-balancer and firewall teams.',
  },
} as const satisfies Readonly<Record<string, Row>>;
