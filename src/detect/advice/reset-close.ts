/** Advice on reset-close: by class, but first where the hints speak for a middlebox or an idle timer. */
import type { Change, Check, Evidence, RuleAdvice } from './advice.ts';
import {
  acceptQueue,
  conntrackCounters,
  firewallRules,
  keepAlives,
  largerBacklog,
  listener,
  listenOverflows,
  timeWaitOfTuple,
} from './checks.ts';
import { quietResets } from './reset-close-quiet.ts';

const hinted = (e: Evidence, hint: string): boolean => Array.isArray(e.hints) && e.hints.includes(hint);

const aborts: Check = {
  where: 'the {from}, which reset',
  command: 'nstat -az TcpExtTCPAbortOnClose TcpExtTCPAbortOnData TcpExtTCPAbortOnTimeout TcpExtTCPAbortOnMemory',
  expect:
    'TCPAbortOnClose: closed with data unread. TCPAbortOnData: SO_LINGER 0, or data after a close. TCPAbortOnTimeout: ' +
    'keep-alives went unanswered. None grows: the kernel there did not abort it.',
};

const outRsts: Check = {
  where: 'the {from}',
  command: 'nstat -az TcpOutRsts TcpEstabResets',
  expect: 'TcpOutRsts does not grow with these RSTs: this host did not send them.',
};

const rstOnBothSides: Check = {
  where: 'both sides of each device between them, at once',
  command: "tcpdump -ni IFACE -v 'tcp[tcpflags] & tcp-rst != 0 and host {other_address}'",
  expect: 'An RST that leaves a device and never entered it was made there. -v shows its TTL and IP id.',
};

const socketThere: Check = {
  where: 'the {from}',
  command: "ss -tan 'sport = :{from_port} and dst {other_address}'",
  expect:
    'The connection is not listed: its socket is gone. It is listed as ESTAB: somebody else answered in its name.',
};

const conntrackIdle: Check = {
  where: 'the NAT or firewall between them (Linux)',
  command: 'sysctl net.netfilter.nf_conntrack_tcp_timeout_established; conntrack -S',
  expect:
    'The timeout is shorter than the silence before the RST: the entry had expired. Or insert_failed, drop or ' +
    'early_drop grow: entries are pushed out.',
};

const restarts: Check = {
  where: 'the {from}',
  command: "journalctl -k --since -1h | grep -iE 'oom|killed process'; uptime -s",
  expect: 'A process killed or a boot at the time of the RST explains it.',
};

const readBeforeClose: Change = {
  what: 'Read to the end (until read() returns 0) before close(), and do not set SO_LINGER with a time of 0.',
  risk: 'The end that closes first then holds TIME_WAIT for 60 s.',
};

export const resetCloseAdvice: RuleAdvice = {
  doNot:
    'Do not take an RST for a fault by itself: aborting is a way to close. Do not drop RSTs in a firewall: connections ' +
    'then hang until they time out.',
  cases: [
    {
      when: e => hinted(e, 'middlebox-likely') && e.class === 'no-state',
      meaning:
        'The RST has the numbers of a host without a socket, but the {from} did not send it: it went on, or the form ' +
        'speaks against it. Most likely a NAT, balancer or firewall in between had forgotten the connection, and answered ' +
        'in its place.',
      checks: [rstOnBothSides, conntrackIdle, outRsts],
      change: [keepAlives],
      doNot: 'Do not blame the {from} for it.',
      askNext: 'The NAT, load-balancer or firewall team on the path between {client} and {server}: its idle timeout.',
    },
    {
      when: e => hinted(e, 'middlebox-likely'),
      meaning:
        'The RST carries the address of the {from}, but its form or what followed speaks against it: a firewall, IPS, ' +
        'balancer or NAT in between sent it, most likely. The hints say why.',
      checks: [rstOnBothSides, outRsts, firewallRules],
      change: [
        {
          what: 'In the rule of the device that fires: let the connection pass, or correct what it takes offence at.',
          risk: 'Depends on what the rule protects: ask before it is taken out.',
        },
      ],
      doNot: 'Do not blame the {from} for it.',
      askNext:
        'The firewall, IPS or load-balancer team on the path between {client} and {server}; the {from} comes last.',
    },
    {
      when: e => hinted(e, 'idle-timer'),
      meaning:
        'The connection was reset after {idle} of silence, close to an idle time that balancers and NATs use: an entry ' +
        'expired there, most likely, or the {from} has an idle timeout of its own, as web servers do for keep-alive.',
      checks: [
        {
          where: 'the {other}',
          command: "ss -tano 'dst {from_address}'",
          expect: 'timer:(keepalive,…) beside a connection: it sends keep-alives, in so long. No timer: it never does.',
        },
        rstOnBothSides,
      ],
      change: [keepAlives],
      askNext: 'The load-balancer or NAT team: its idle timeout for TCP, and whether it resets or drops after that.',
    },
    {
      when: e => e.class === 'refused',
      meaning:
        'The SYN was answered by RST: nothing listens on port {server_port} of {server}, or a firewall rejects with a reset.',
      checks: [
        listener,
        firewallRules,
        {
          where: 'the client',
          command: "tcpdump -nv -i any 'src host {server} and tcp[tcpflags] & (tcp-rst|tcp-syn) != 0'",
          expect: 'The RST has another TTL than SYN-ACKs of the same server: a device on the way rejects.',
        },
      ],
      change: [
        {
          what: 'Start the service, or let it listen on the address that clients use.',
          risk: 'Listening on all addresses makes it reachable from all networks of the host.',
        },
      ],
      askNext: 'The owner of the service on {server}:{server_port}; then the firewall team.',
    },
    {
      when: e => e.class === 'abort' && hinted(e, 'unread-data'),
      meaning:
        'The {from} closed although data it had received was still unread, most likely: its kernel then sends RST, and ' +
        'what it had sent itself may be lost to the reader.',
      checks: [aborts],
      change: [readBeforeClose],
      askNext: 'The owner of the application on the {from}: why it closes before it has read its input.',
    },
    {
      when: e => e.class === 'abort',
      meaning:
        'The {from} aborted an open connection: SO_LINGER 0, data left unread, a timeout, or its process was killed. ' +
        'Which of them, its counters tell.',
      checks: [aborts, restarts],
      change: [readBeforeClose],
      askNext: 'The owner of the application on the {from}.',
    },
    {
      when: e => e.class === 'abort-after-peer-fin',
      meaning:
        'The {other} had closed in order; the {from} answered with an RST instead of a FIN: it closed with unread data ' +
        'or with SO_LINGER 0, or its socket was gone already.',
      checks: [aborts],
      change: [readBeforeClose],
      askNext: 'The owner of the application on the {from}. Harmless if the {other} needed nothing more.',
    },
    {
      when: e => e.class === 'no-state',
      meaning:
        'A host answers with a bare RST when it has no socket for a segment: the {from} lost the connection (a killed ' +
        'process, a reboot), an address or virtual IP moved to another host, a balancer chose another backend, or a NAT ' +
        'entry expired.',
      checks: [socketThere, restarts, conntrackCounters],
      change: [keepAlives],
      askNext: 'The owner of the {from}: was it restarted or moved? If not, the load-balancer or NAT team.',
    },
    {
      when: e => e.class === 'tw-missing',
      meaning:
        'The {from} closed first and should answer a repeated FIN from TIME_WAIT, but it answers with RST: it keeps no ' +
        'TIME_WAIT (tcp_max_tw_buckets reached, tcp_tw_recycle, another system), or a device answers in its place.',
      checks: [
        {
          where: 'the {from}',
          command: 'nstat -az TcpExtTCPTimeWaitOverflow; sysctl net.ipv4.tcp_max_tw_buckets; cat /proc/net/sockstat',
          expect: 'The counter grows, and tw in sockstat stands at tcp_max_tw_buckets: the table is full.',
        },
        {
          ...timeWaitOfTuple,
          where: 'the {from}, within a minute of a close',
          expect: 'Not listed: this host keeps no TIME_WAIT for it.',
        },
      ],
      change: [
        {
          what: 'Fewer short connections; where memory allows, a higher tcp_max_tw_buckets on the {from}.',
          risk: 'Each TIME_WAIT costs a few hundred bytes of kernel memory.',
        },
      ],
      askNext: 'The owner of the {from}.',
    },
    {
      when: e => e.class === 'handshake-abort' && e.from === 'client',
      meaning:
        'The client reset before the connection was used: a scan or a health check that needs no more, an application that ' +
        'had given up, or a host that knows of no such SYN (an old copy of one, or a forged one).',
      checks: [restarts],
      change: [],
      askNext: 'The owner of {client}: is it a scanner or a health check?',
    },
    {
      when: e => e.class === 'handshake-abort',
      meaning:
        'The server reset before the connection was used: a full accept queue with tcp_abort_on_overflow=1, a listener that ' +
        'was closed at that moment, or a device in between that lets nobody in.',
      checks: [
        listenOverflows,
        acceptQueue,
        {
          where: 'the server',
          command: 'sysctl net.ipv4.tcp_abort_on_overflow',
          expect: '0, the default: a full queue stays silent and it is not the cause. 1: it resets.',
        },
      ],
      change: [largerBacklog],
      askNext: 'The owner of the application on {server}:{server_port}.',
    },
    ...quietResets,
    {
      meaning: 'An RST ended this connection. Its class is explained on the page of reset-close.',
      checks: [outRsts],
      change: [],
      askNext: 'The owner of the {from}.',
    },
  ],
};
