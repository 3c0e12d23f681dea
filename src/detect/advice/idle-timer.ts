/** Advice on idle-timer: the timer is an application's own keep-alive time, or somebody has to find it. */
import { type Check, type EvidenceIn, ruleAdvice } from './advice.ts';
import { accepted, acceptQueue, firewallRules, keepAlives, requestRead } from './checks.ts';

const keepAliveTimers: Check = {
  where: 'the {other}',
  command: "ss -tano 'dst {from_address}'",
  expect: 'timer:(keepalive,T,…) beside a connection: its next keep-alive is due in T. No timer: it sends none.',
};

const closedThere: Check = {
  where: 'the {from}',
  command: 'nstat -az TcpOutRsts TcpExtTCPAbortOnData',
  expect: 'Both grow with the resets: the application there closes with SO_LINGER 0. Neither does: a device sent them.',
};

const closeFirst = {
  what: 'Let the pool of the client close idle connections before the timer does.',
  risk: 'More new connections, and TIME_WAIT at the client.',
};

export const idleTimerAdvice = ruleAdvice({
  doNot:
    'Do not retry requests blindly that may have been executed. Do not take the name of a known timer for proof: any ' +
    'device may be set to it.',
  choose: ({ known, unanswered, no_data }: EvidenceIn<'idle-timer'>) => {
    if (unanswered === true) return 'unanswered';
    if (no_data === true) return 'no-data';
    const isKeepAlive = known.some(name => /keepalive|keepAlive|KeepAlive/.test(name));
    return isKeepAlive ? 'keep-alive' : 'rest';
  },
  rows: {
    unanswered: {
      meaning:
        'The client had sent something, the server had acknowledged it, and {gap} later, without a byte in answer, the client ' +
        'gave up: a read timeout of the client, most likely. The RSTs are the end of it: what is wrong is that no answer came, ' +
        'unless the protocol has none; then the client closes what is idle.',
      checks: [requestRead],
      askNext:
        'The owner of {server}:{server_port}: why no answer comes within {gap}. Then the owner of the client: its ' +
        'read timeout.',
    },
    'no-data': {
      meaning:
        'The client opened these connections, neither end sent a byte, and {gap} later the client reset them: a scan or a ' +
        'health check that waits so long for a greeting, a pool that drops what it does not need, or a client that waited ' +
        'for a greeting in vain, if the protocol has one. The RSTs carry timestamps as a socket sends them, so no device in ' +
        'between sent them, most likely.',
      checks: [accepted, acceptQueue],
      askNext:
        'The owner of the client: which timer runs for {gap}. If the server should speak first: the owner of ' +
        '{server}:{server_port}.',
    },
    'keep-alive': {
      meaning:
        'The {from} closes connections that were idle for {gap}, which is a usual keep-alive time of servers. A request ' +
        'that is sent at that moment is lost.',
      checks: [closedThere, keepAliveTimers],
      change: [closeFirst],
      askNext:
        'The owner of the {from}: its keep-alive timeout. Then the owner of the client: the idle time of its pool.',
    },
    rest: {
      meaning:
        'Connections are reset when they have been silent for {gap}: an idle timer of the {from}, or of a balancer, ' +
        'firewall or NAT that speaks in its name.',
      checks: [closedThere, keepAliveTimers, firewallRules],
      change: [keepAlives, closeFirst],
      askNext: 'The load-balancer or firewall team: its idle timeout for TCP. If it has none, the owner of the {from}.',
    },
  },
});
