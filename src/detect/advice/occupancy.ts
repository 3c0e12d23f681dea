/** Advice for exhausted ports or TIME_WAIT buckets: port-exhaustion and time-wait-overflow. */
import { type Check, type EvidenceIn, ruleAdvice } from './advice.ts';
import { conntrackCounters, fewerConnections, morePorts, portRange, twReuse } from './checks.ts';

const inTimeWait: Check = {
  where: 'the client',
  command: "ss -Htan state time-wait 'dst {server} and dport = :{server_port}' | wc -l",
  expect:
    'Close to the number of ports: they are used up for this server port. On a NAT it is not the hosts but the NAT that runs out.',
};

const addressNotAvailable: Check = {
  where: 'the client',
  command: "journalctl --since '{since}' --until '{until}' | grep -iE 'cannot assign requested address|EADDRNOTAVAIL'",
  expect: 'Applications log it when connect() finds no port. No packet is sent for it: a capture cannot show it.',
};

export const portExhaustionAdvice = ruleAdvice({
  doNot:
    'Never enable tcp_tw_recycle. tcp_fin_timeout does not shorten TIME_WAIT, and a smaller tcp_max_tw_buckets only cuts ' +
    'TIME_WAITs off before their time.',
  choose: ({ capacity_from, takeovers, steady }: EvidenceIn<'port-exhaustion'>) => {
    if (steady === true) return 'observed-steady';
    if (capacity_from === 'observed') return takeovers === undefined ? 'observed' : 'observed-takeovers';
    return capacity_from === 'unknown' ? 'unknown' : 'rest';
  },
  rows: {
    unknown: {
      meaning:
        'One client address used {in_use} ports towards one server port at once, from a range that no system has by ' +
        'default. If it is a NAT, the ports are those of its pool, shared by all hosts behind it; how many are left is ' +
        'not known.',
      checks: [conntrackCounters, portRange, inTimeWait],
      change: [fewerConnections, morePorts],
      askNext: 'Whoever runs {client}: whether it is a NAT, and how many ports its pool has towards one destination.',
    },
    observed: {
      meaning:
        'The client uses {in_use} ports towards this server port, over and over, and none before its TIME_WAIT is ' +
        'over. A client with more ports would take those first: it seems to have no others. Every attempt in between ' +
        'fails on the client and sends no packet.',
      checks: [portRange, addressNotAvailable, inTimeWait],
      change: [morePorts, fewerConnections, twReuse],
      askNext: 'The owner of the application on {client}: whether it binds its ports itself.',
    },
    'observed-steady': {
      meaning:
        'The client uses {in_use} ports towards this server port, over and over, and each of them again after the same time, a ' +
        'little more than its TIME_WAIT. Either it has no others, and every attempt in between fails on the client ' +
        'and sends no packet. Or as many programs connect by a timer, each from a port of its own, and nothing fails.',
      checks: [addressNotAvailable, portRange],
      askNext:
        'The owner of the application on {client}: whether it binds its ports itself, and connects once a minute.',
    },
    'observed-takeovers': {
      meaning:
        'The client uses {in_use} ports towards this server port, over and over, each as soon as tcp_tw_reuse lets it ' +
        'take its TIME_WAIT over. A client with more ports would take those first: it seems to have no others. Every ' +
        'attempt in between fails on the client and sends no packet.',
      checks: [portRange, addressNotAvailable, inTimeWait],
      change: [morePorts, fewerConnections],
      askNext: 'The owner of the application on {client}: whether it binds its ports itself.',
    },
    rest: {
      meaning:
        'The ports of one client address towards one server port are nearly all in use or in TIME_WAIT ({in_use} of ' +
        '{capacity}). Each is held in TIME_WAIT after its close, so no more than {rate_limit} connections a second can last, ' +
        'unless tcp_tw_reuse takes ports over sooner. When none is left, connect() fails on the client and no packet is sent.',
      checks: [inTimeWait, portRange, addressNotAvailable, conntrackCounters],
      change: [
        fewerConnections,
        morePorts,
        twReuse,
        {
          what: 'Spread over several server addresses or ports: the limit holds for each of them.',
          risk: 'None for TCP; balancers and firewalls have to know the new ones.',
        },
      ],
      askNext: 'The owner of the application on {client}: why it opens so many connections; then the NAT team.',
    },
  },
});

export const timeWaitOverflowAdvice = ruleAdvice({
  doNot:
    'Do not lower tcp_max_tw_buckets: it is a limit against attacks, and TIME_WAITs cut off early let old duplicates in. ' +
    'Never enable tcp_tw_recycle.',
  choose: (_: EvidenceIn<'time-wait-overflow'>) => 'rest',
  rows: {
    rest: {
      meaning:
        'The number of TIME_WAITs on this host stays on a plateau while closes go on, or FINs are answered by RST where a ' +
        'TIME_WAIT should be: the table of TIME_WAITs is full, most likely, and further closes go without.',
      checks: [
        {
          where: 'the host that closes first',
          command: 'nstat -az TcpExtTCPTimeWaitOverflow; sysctl net.ipv4.tcp_max_tw_buckets; cat /proc/net/sockstat',
          expect: 'The counter grows, and tw in sockstat stands at tcp_max_tw_buckets.',
        },
        {
          where: 'the same host',
          command: "journalctl -k | grep 'time wait bucket table overflow'",
          expect: 'TCP: time wait bucket table overflow, at the times of the plateau.',
        },
      ],
      change: [
        fewerConnections,
        {
          what: 'A higher net.ipv4.tcp_max_tw_buckets there.',
          risk: 'Each TIME_WAIT costs a few hundred bytes of kernel memory.',
        },
      ],
      askNext: 'The owner of the host that closes first.',
    },
  },
});
