/** Advice on findings about clocks: timestamp-regress, recycle-hazard, shared-address. */
import type { RecycleVerdict } from '../recycle/recycle.ts';
import { type Check, type EvidenceIn, refuted, ruleAdvice } from './advice.ts';
import {
  bothSides,
  captureDrops,
  kernel,
  passiveRejected,
  peerTimestamp,
  recycleOwner,
  switchRecycleOff,
  timeWaitOfTuple,
  twRecycle,
} from './checks.ts';

type Regress = EvidenceIn<'timestamp-regress'>;

/** The verdict of the rule of 3.17: `drop`, `phase`, `pass`, `tw-bucket`. */
const verdict = ({ recycle }: Regress): RecycleVerdict => recycle['3.17'];

/** For SYNs that were accepted. */
const WHO_ANSWERED =
  ' That may be a balancer or a SYN proxy, which says nothing of the servers behind it.{several_servers}{syn_proxy}';

/** Whether a server that applies the rule would, or might, drop one of its SYNs. */
const mayDrop = (e: Regress): boolean =>
  [verdict(e), ...(e.recycle_syns ?? [])].some(fate => fate === 'drop' || fate === 'phase');

const NEVER =
  'Never enable tcp_tw_recycle, and do not set tcp_timestamps to 0: PAWS and safe port reuse depend on them.';

const natMappings: Check = {
  where: 'the NAT whose address {client} may be (Linux)',
  command: 'conntrack -L -p tcp --reply-dst {client}',
  expect: 'Different src= in the first half of the lines: so many hosts share the address.',
};

const timestampsOn: Check = {
  where: 'the client',
  command: 'sysctl net.ipv4.tcp_timestamps',
  expect: '0: the client sends none. 1: something on the way strips the option.',
};

export const timestampRegressAdvice = ruleAdvice({
  doNot: `Do not take it for proof of a NAT: one modern host with a clock per connection looks the same. ${NEVER}`,
  choose: (e: Regress) => {
    const fate = verdict(e);
    if (e.jitter) return 'jitter';
    if (e.disproved === true && fate !== 'tw-bucket') return 'disproved';
    if (refuted(e)) return 'refuted';
    if (e.answered === false && mayDrop(e)) return 'unanswered';
    if (e.answered === true && e.retransmissions > 0 && mayDrop(e) && e.disproved !== true) return 'answered-late';
    if (e.same_tuple) return 'same-tuple';
    return fate === 'tw-bucket' ? 'tw-bucket' : 'rest';
  },
  rows: {
    jitter: {
      meaning: 'Two SYNs of one host were recorded in the other order, most likely. Nothing is wrong.',
      checks: [captureDrops],
      askNext: 'Nobody.',
    },
    disproved: {
      meaning:
        'A server with tcp_tw_recycle=1 would have dropped a SYN that was accepted, so what answers at {server} does not do ' +
        `it: the clocks of the client's address differ, and this SYN did not suffer from it.${WHO_ANSWERED}`,
      checks: [twRecycle],
      askNext: 'Nobody, unless the same address talks to other servers that are older.',
    },
    refuted: {
      meaning:
        'A server with tcp_tw_recycle=1 would drop a SYN of this attempt; by its context {server} cannot. The clocks of ' +
        'the address differ, which is no fault.',
      checks: [bothSides],
      askNext: 'Nobody about tcp_tw_recycle. Where SYNs of this address went unanswered, unanswered-syn tells of it.',
    },
    unanswered: {
      meaning:
        'A SYN of this attempt lies behind the TSval that a server with tcp_tw_recycle=1 would remember of this address, and ' +
        'none was answered. Linux up to 4.11 with that setting drops it; a lost SYN, a firewall or a full queue look the ' +
        'same.',
      checks: [twRecycle, passiveRejected, peerTimestamp, bothSides],
      change: [switchRecycleOff],
      askNext: recycleOwner,
    },
    'answered-late': {
      meaning:
        'A SYN that a server with tcp_tw_recycle=1 would drop had no answer, and a later one had. That is how Linux up to ' +
        '4.11 with that setting looks when it lets the client in at last; a SYN that was lost looks the same.',
      checks: [twRecycle, passiveRejected, peerTimestamp, bothSides],
      askNext: recycleOwner,
    },
    'tw-bucket': {
      meaning:
        'The clocks of the connections of this address differ, and the SYN meets the TIME_WAIT that the server holds of an ' +
        'older one on its own tuple. That decides by the TSval of its own connection, not by this one: port-reuse tells how.',
      checks: [timeWaitOfTuple],
      askNext: 'Nobody, unless SYNs of this address go unanswered.',
    },
    'same-tuple': {
      meaning:
        'The clock ran back on one and the same tuple: a NAT gave the port to another connection, or the host booted. Where ' +
        'the server holds the TIME_WAIT of the old one, it decides by this TSval; port-reuse tells how.',
      checks: [natMappings],
      askNext: 'The owner of the NAT in front of {client}: how soon it uses a port again.',
    },
    rest: {
      meaning:
        'The clocks of the connections of this address differ: several hosts behind one address, one modern host with a ' +
        'clock for each connection, or a reboot. By itself this is no fault.',
      checks: [kernel, twRecycle],
      askNext: 'Nobody, unless SYNs of this address go unanswered.',
    },
  },
});

export const recycleHazardAdvice = ruleAdvice({
  doNot: `Do not take it for a drop that happened: it says what one setting would do. ${NEVER}`,
  choose: (e: EvidenceIn<'recycle-hazard'>) => {
    const bare = !e.timestamps;
    if (e.disproved === true) return bare ? 'disproved-without-timestamps' : 'disproved';
    if (refuted(e)) return 'refuted';
    if (e.answered === true) return 'answered';
    return bare ? 'without-timestamps' : 'rest';
  },
  rows: {
    'disproved-without-timestamps': {
      meaning:
        'Linux 3.17 to 4.11 with tcp_tw_recycle=1 drops such a SYN. It was accepted, so what answers at {server} is not one ' +
        `of those. Older kernels let SYNs without timestamps pass even with that setting: of them this says nothing.${WHO_ANSWERED}`,
      checks: [twRecycle],
      askNext: 'Nobody, unless SYNs of this address go unanswered.',
    },
    disproved: {
      meaning:
        'A server with tcp_tw_recycle=1 would drop this SYN. It was accepted, so what answers at {server} does not apply ' +
        `the rule.${WHO_ANSWERED}`,
      checks: [twRecycle],
      askNext: 'Nobody, unless the same address talks to other servers that are older.',
    },
    refuted: {
      meaning: 'A server with tcp_tw_recycle=1 would drop this SYN; by its context {server} cannot.',
      checks: [bothSides],
      askNext: 'Nobody about tcp_tw_recycle. Where the SYN went unanswered, unanswered-syn tells of it.',
    },
    answered: {
      meaning:
        'A server with tcp_tw_recycle=1 would drop this SYN. It was answered, but by no SYN-ACK at once: an RST comes from ' +
        'a port without a listener, which never asks the rule, and of several SYNs one may come when it lets them in again.',
      checks: [twRecycle, kernel],
      askNext: recycleOwner,
    },
    'without-timestamps': {
      meaning:
        'A SYN without timestamps from an address that used them a moment ago: Linux 3.17 to 4.11 with tcp_tw_recycle=1 ' +
        'drops it while it remembers that.',
      checks: [twRecycle, passiveRejected, timestampsOn],
      change: [switchRecycleOff],
      askNext: recycleOwner,
    },
    rest: {
      meaning:
        'The SYN lies behind the TSval that a server with tcp_tw_recycle=1 would remember of this address, though not behind ' +
        'the newest: several clocks share the address, those of hosts behind a NAT or of the connections of one host.',
      checks: [twRecycle, passiveRejected, peerTimestamp],
      change: [switchRecycleOff],
      askNext: recycleOwner,
    },
  },
});

const STACKS =
  'A host here is a network stack with a clock of its own. One machine may have several: WSL 2, a virtual machine in NAT ' +
  'mode, or a container under gVisor sends by the address of the machine that it runs on.';

export const sharedAddressAdvice = ruleAdvice({
  doNot: `Do not count hosts by clocks: only bounds are known. An address shared by several hosts is no fault. ${NEVER}`,
  choose: ({ regime, hosts_low }: EvidenceIn<'shared-address'>) => {
    const several = hosts_low > 1;
    if (regime === 'interleaved') return several ? 'interleaved' : 'interleaved-perhaps';
    if (several) return 'other-witnesses';
    return regime === 'restart' ? 'restart' : 'rest';
  },
  rows: {
    interleaved: {
      meaning:
        'Connections of this address follow several clocks in turn: at least {hosts_low} hosts share it, behind a NAT or a ' +
        `proxy, as far as the evidence goes. ${STACKS}`,
      checks: [natMappings, twRecycle],
      askNext: 'The owner of {client}: is it a NAT gateway, or a machine with WSL 2, virtual machines or containers?',
    },
    'interleaved-perhaps': {
      meaning:
        'Connections of this address follow several clocks in turn. One host can do that too, so nothing is said but the ' +
        `bounds: {hosts_low} to {hosts_high} hosts. ${STACKS}`,
      checks: [natMappings],
      askNext: 'The owner of {client}: is it a NAT gateway?',
    },
    'other-witnesses': {
      meaning:
        'The clocks of this address say nothing about how many hosts there are. Something else does: stacks or walks of ' +
        'source ports take turns, as those of at least {hosts_low} hosts do that share the address ({reasons}). ' +
        'Initial TTLs along with a segment size or window scale may also be what an application of one host sets for its ' +
        `sockets (IP_TTL, TCP_MAXSEG, SO_RCVBUF): such evidence alone is weak. ${STACKS}`,
      checks: [natMappings],
      askNext: 'The owner of {client}: is it a NAT gateway?',
    },
    restart: {
      meaning:
        'The clock of the address started anew and the old one never came back: a reboot, or another host has it now.',
      checks: [
        {
          where: 'the client',
          command: 'uptime -s',
          expect: 'A boot between the two clocks: one host that restarted.',
        },
        natMappings,
      ],
      askNext: 'The owner of {client}: was it restarted, or did the address move?',
    },
    rest: {
      meaning:
        'Nearly every connection has a clock of its own. Linux from 6.18.17 on, FreeBSD and macOS do that on a single host, so ' +
        'the clocks say nothing about how many hosts there are.{reasons_in_vain}',
      checks: [
        {
          where: 'the client',
          command: 'uname -r; sysctl net.ipv4.tcp_timestamps',
          expect:
            'Linux 6.18.17 or newer with 1: one offset for each connection is normal. 2: no offsets. On another system: it is normal there.',
        },
      ],
      askNext: 'Nobody.',
    },
  },
});
