/** Advice on paws-drop: late copies and overtaken segments need no change, a clock that went back does. */
import { type Change, type Check, type EvidenceIn, ruleAdvice } from './advice.ts';
import { bothSides, captureDrops } from './checks.ts';

const pawsEstab: Check = {
  where: 'the {other}, which receives them',
  command: 'nstat -az TcpExtPAWSEstab TcpExtPAWSOldAck TcpExtTCPACKSkippedPAWS',
  expect: 'PAWSEstab grows by one for each segment that PAWS drops (on newer kernels old ACKs count in PAWSOldAck).',
};

const reordering: Check = {
  where: 'the {from}, which sent them',
  command: 'nstat -az TcpExtTCPSACKReorder TcpExtTCPTSReorder TcpExtTCPDSACKRecv',
  expect: 'The first two grow: the path reorders. TCPDSACKRecv grows: its receiver got segments twice.',
};

const whoSends: Check = {
  where: 'the {from}',
  command: "ss -tie 'dst {other_address} and sport = :{from_port}'",
  expect: 'The connection is not listed: another host sends in its name.',
};

const oneHost: Change = {
  what: 'Keep a connection on its host, also on fail-over (balancer), and let a device that rewrites timestamps keep its offset.',
  risk: 'Hosts can no longer be drained by moving open connections.',
};

export const pawsDropAdvice = ruleAdvice({
  doNot:
    'Do not set tcp_timestamps to 0 to get such segments through: old duplicates would then reach the application.',
  choose: ({ class: kind, effect, segments }: EvidenceIn<'paws-drop'>) => {
    switch (kind) {
      case 'duplicate':
      case 'old-duplicate':
        return 'duplicate';
      case 'clock-back':
        if (segments === 1) return 'single';
        return effect === 'accepted' ? 'clock-back-accepted' : 'clock-back';
      default:
        return kind === 'reordered' ? 'reordered' : 'rest';
    }
  },
  rows: {
    duplicate: {
      meaning:
        'A copy of data that had already arrived came again with an old TSval: a receiver with PAWS drops it, as it ' +
        'should, and nothing is lost. Something on the way holds packets back or sends them twice.',
      checks: [bothSides, pawsEstab],
      askNext: 'The network team, if there are many: a loop, a mirror that feeds back, or a very long queue.',
    },
    reordered: {
      meaning:
        'The segment was overtaken by one that was sent later, and a receiver with PAWS drops it for its older ' +
        'TSval. Data dropped that way is sent again, and the next ACK makes up for a dropped one.',
      checks: [reordering, pawsEstab, captureDrops],
      askNext: 'The network team, if there are many: load sharing by packet, or queues that overtake each other.',
    },
    'clock-back-accepted': {
      meaning:
        'The {from} went on with another clock inside an open connection, and the {other} acknowledged what it sent all the ' +
        'same: PAWS likely does not apply there. A receiver that applies it would have stalled the connection.',
      checks: [whoSends, bothSides],
      change: [oneHost],
      askNext: 'The load-balancer or firewall team: does a device move connections or rewrite TCP timestamps?',
    },
    single: {
      meaning:
        'One segment of the {from} has a TSval that does not fit its clock: it was damaged or rewritten on the way, or another ' +
        'host sent it. A receiver that applies PAWS drops it, and data is then sent again: a single one does no more harm.',
      checks: [bothSides, pawsEstab],
      askNext: 'The network team on the path, if there are more of them.',
    },
    'clock-back': {
      meaning:
        'The {from} went on with another clock inside an open connection: until that clock has caught up, its receiver ' +
        'drops all it sends, and the connection hangs. A device moved the connection to another host or rewrites ' +
        'timestamps, or the host was moved while running.',
      checks: [whoSends, pawsEstab, bothSides],
      change: [oneHost],
      askNext:
        'The load-balancer or firewall team: does a device move connections or rewrite TCP timestamps, and did it fail over?',
    },
    rest: {
      meaning:
        'Inside an open connection a segment carries a TSval older than what its receiver holds: a receiver with PAWS drops it.',
      checks: [pawsEstab, bothSides, captureDrops],
      askNext: 'The network team on the path.',
    },
  },
});
