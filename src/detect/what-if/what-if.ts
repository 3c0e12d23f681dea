/**
 * What a machine of the user's choice would do with a SYN or an RST of the capture (docs/rules.md D5): as the server
 * for SYNs and RSTs, as the client for its own TIME_WAIT. This does not say what happened.
 */
import { isLoopbackAddress } from '../../base/address.ts';
import { after, s32 } from '../../base/serial.ts';
import { MILLISECOND, type Nanos, SECOND } from '../../base/time.ts';
import type { Observer, Opened, ResetSeen } from '../../flow/events.ts';
import type { Flow, Side } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import { INEFFECTIVE } from '../../flow/resets.ts';
import {
  bucketRcvNxt,
  holdsTimeWait,
  lacksPackets,
  pawsRejects,
  rfc6191,
  type SynFields,
  synVerdict,
} from '../../flow/time-wait.ts';
import type { Hosts } from '../../wire/hosts.ts';
import { Timestamps } from '../../wire/tcp-options.ts';
import { peerVerdict } from '../recycle/recycle.ts';
import { type Eligible, halfClosedVerdict, twReuse } from '../reuse/kernel-rules.ts';
import type { Machine } from './profile.ts';

const { Phase, SideBit } = layout;

/** With tcp_tw_recycle TIME_WAIT lasts 3.5 RTO (B1): here for the least RTO of 200 ms, and for one of two seconds. */
const RECYCLED_AT_LEAST: Nanos = 0.7 * SECOND;
const RECYCLED_AT_MOST: Nanos = 7 * SECOND;

/** `undecided`: the packets do not show what decides. */
const SYN_FATES = ['accept', 'drop', 'challenge-ack', 'refuse', 'reset', 'undecided'] as const;
type SynFate = (typeof SYN_FATES)[number];
type RstFate = 'reset' | 'ignored' | 'challenge-ack' | 'ends-time-wait' | 'answered' | 'syn-ack-again' | 'undecided';

/**
 * What decides: the listener itself, the per-host check, or the state that the old connection of the tuple left behind.
 */
const RULES = ['listener', 'per-host-paws', 'time-wait', 'half-closed', 'open', 'handshake', 'unknown-close'] as const;
type Rule = (typeof RULES)[number];
const REUSES = [undefined, 'yes', 'no', 'phase'] as const;

interface Decision {
  verdict: SynFate;
  rule: Rule;
}

const UNKNOWN_CLOSE: Decision = { verdict: 'undecided', rule: 'unknown-close' };

/** Evidence of findings that a SYN raises, if a machine was given. */
export type SynWhatIf = {
  what_if?: { profile: string; verdict: SynFate; rule: Rule; tw_reuse?: Eligible };
};
/** The same for later events: an RST, a full accept queue, a segment that is too old. */
export type LaterWhatIf = { what_if?: { profile: string; verdict: SynFate | RstFate } };

/** One for each shard. `counts` are for the tally. */
export class WhatIf implements Observer {
  private readonly machine: Machine;
  private readonly hosts: Hosts;
  private readonly timeWait: Nanos;
  private readonly fates = new Map<SynFate, number>();

  constructor(machine: Machine, hosts: Hosts, timeWait: Nanos) {
    this.machine = machine;
    this.hosts = hosts;
    this.timeWait = timeWait;
  }

  /** Counts every connection attempt, whether or not a rule finds something in it. */
  opened(event: Opened): void {
    const decision = this.decide(event);
    this.fates.set(decision.verdict, (this.fates.get(decision.verdict) ?? 0) + 1);
    event.flow.supposed = codeOf(decision, this.clientReuse(event));
  }

  *counts(): Generator<[name: string, count: number]> {
    for (const [fate, count] of this.fates) yield [`what-if.${fate}`, count];
  }

  /** Evidence for findings that a SYN raises. Must be called during the event. */
  ofSyn(event: Opened): Required<SynWhatIf> {
    return this.decided(this.decide(event), this.clientReuse(event));
  }

  /** The same for the first SYN of an attempt; undefined if that was not captured. */
  ofAttempt({ supposed }: { supposed: number }): SynWhatIf | undefined {
    return supposed === 0 ? undefined : this.decided(...ofCode(supposed));
  }

  private decided(decision: Decision, reuse: Eligible | undefined): Required<SynWhatIf> {
    const { label } = this.machine;
    return { what_if: { profile: label, ...decision, ...(reuse === undefined ? {} : { tw_reuse: reuse }) } };
  }

  /** The same for an RST; undefined if nothing is known of its connection. */
  ofReset(event: ResetSeen): LaterWhatIf | undefined {
    const verdict = this.fateOfReset(event);
    return verdict === undefined ? undefined : this.said(verdict);
  }

  /** What becomes of a handshake whose ACK finds the accept queue full (F13); undefined unless the machine is a Linux. */
  ofFullQueue(): LaterWhatIf | undefined {
    const { version, sysctls } = this.machine;
    return version === 0 ? undefined : this.said(sysctls.tcp_abort_on_overflow === 1 ? 'reset' : 'syn-ack-again');
  }

  /** What becomes of a segment whose TSval is older than ts_recent. RFC 1122 has no timestamps. */
  ofOldSegment(): Required<LaterWhatIf> {
    const { synInTimeWait, sysctls } = this.machine;
    return this.said(synInTimeWait === 'rfc1122' || sysctls.tcp_timestamps === 0 ? 'accept' : 'drop');
  }

  private said(verdict: SynFate | RstFate): Required<LaterWhatIf> {
    return { what_if: { profile: this.machine.label, verdict } };
  }

  private decide(event: Opened): Decision {
    const { older, clientIsB, segment } = event;
    if (older === undefined || older.phase === Phase.RESET) return this.atListener(event);
    if (older.phase === Phase.SYN_RCVD) return { verdict: 'undecided', rule: 'handshake' };
    const sender = older.side(clientIsB);
    const receiver = older.side(!clientIsB);
    if (!sender.has(SideBit.SPOKE) || !receiver.has(SideBit.SPOKE)) return UNKNOWN_CLOSE;
    if (holdsTimeWait(receiver)) return this.atTimeWait(event, older, sender, segment.at - receiver.timerStart);
    if (older.phase === Phase.CLOSED || holdsTimeWait(sender)) return this.atListener(event);
    if (lacksPackets(sender, receiver) || lacksPackets(receiver, sender)) return UNKNOWN_CLOSE;
    return this.atSocket(segment, older, sender, receiver);
  }

  /** Nothing is left of the tuple's old connection, so only the per-host check of tcp_tw_recycle can reject the SYN. */
  private atListener(event: Opened): Decision {
    const { machine } = this;
    if (!this.recycles) return { verdict: 'accept', rule: 'listener' };
    const { verdicts } = peerVerdict(event);
    // 3.13 checks IPv6 like 3.17, but lets SYNs without timestamps pass like 2.6.32.
    const stamped = event.segment.timestamps === Timestamps.PRESENT;
    const rule = machine.recycle === '3.17' || (machine.recycle === '3.13' && stamped) ? '3.17' : '2.6.32';
    const verdict = verdicts[rule];
    if (verdict === 'pass') return { verdict: 'accept', rule: 'listener' };
    return { verdict: verdict === 'drop' ? 'drop' : 'undecided', rule: 'per-host-paws' };
  }

  /** A host without timestamps remembers no peer. */
  private get recycles(): boolean {
    const { recycle, sysctls } = this.machine;
    return recycle !== undefined && sysctls.tcp_tw_recycle === 1 && sysctls.tcp_timestamps !== 0;
  }

  private atTimeWait(event: Opened, old: Flow, sender: Side, age: Nanos): Decision {
    const recycled = this.recycles && old.timestampsOn === true;
    const [least, most] = recycled
      ? [RECYCLED_AT_LEAST, RECYCLED_AT_MOST]
      : (this.machine.timeWait ?? [this.timeWait, this.timeWait]);
    const gone = this.atListener(event);
    if (age >= most) return gone;
    const there: Decision = { verdict: this.byTimeWait(old, sender, event.segment), rule: 'time-wait' };
    if (age < least || there.verdict === gone.verdict) return there;
    return { verdict: 'undecided', rule: 'time-wait' };
  }

  /** The SYN meets the TIME_WAIT (B3). */
  private byTimeWait(old: Flow, sender: Side, syn: SynFields): SynFate {
    const ahead = after(syn.seq, bucketRcvNxt(sender));
    switch (this.machine.synInTimeWait) {
      case 'bsd':
        return ahead ? 'accept' : 'drop';
      case 'rfc1122':
        return ahead ? 'accept' : 'challenge-ack';
      case 'rfc6191': {
        const verdict = rfc6191(old, sender, syn);
        return verdict === undefined ? 'undecided' : verdict === 'honor' ? 'accept' : 'drop';
      }
      case 'linux': {
        if (this.machine.sysctls.tcp_timestamps === 0) return ahead ? 'accept' : 'challenge-ack';
        // 2.6.32 has no exception for a ts_recent of 0.
        const saw = old.timestampsOn === true && syn.timestamps === Timestamps.PRESENT;
        if (this.machine.version < 300 && saw && sender.tsRecent === 0 && s32(0, syn.tsval) > 0) return 'challenge-ack';
        const verdict = synVerdict(old, sender, syn);
        return verdict === undefined ? 'undecided' : verdict.startsWith('ACCEPT') ? 'accept' : 'challenge-ack';
      }
    }
  }

  /** The SYN meets a socket, half closed or open (B3). */
  private atSocket(syn: SynFields, old: Flow, sender: Side, receiver: Side): Decision {
    const rule = sender.has(SideBit.FIN) || receiver.has(SideBit.FIN) ? 'half-closed' : 'open';
    const { inWindow } = this.machine;
    if (inWindow === undefined) return { verdict: 'undecided', rule };
    if (rule === 'half-closed' && halfClosedVerdict(old, sender, receiver, syn) === 'FINWAIT2_RST') {
      return { verdict: 'refuse', rule };
    }
    const ahead = s32(syn.seq, receiver.acked);
    const resets = ahead >= 0 && ahead < receiver.window && !pawsRejects(old, sender, syn);
    return { verdict: resets ? inWindow : 'challenge-ack', rule };
  }

  /** Whether tcp_tw_reuse lets the client take over its own TIME_WAIT (B5); undefined if it has none. */
  private clientReuse({ older, clientIsB, segment, flow }: Opened): Eligible | undefined {
    const { sysctls, twReuse: rule, timeWait } = this.machine;
    if (older === undefined || rule === undefined) return undefined;
    const client = older.side(clientIsB);
    const age = segment.at - client.timerStart;
    if (!holdsTimeWait(client) || age >= (timeWait?.[1] ?? this.timeWait)) return undefined;
    const isLocal = isLoopbackAddress(this.hosts.text(flow.host(!clientIsB), flow.scope));
    const on = sysctls.tcp_tw_reuse === 1 || (sysctls.tcp_tw_reuse === 2 && isLocal);
    if (!on || older.timestampsOn !== true || sysctls.tcp_timestamps === 0) return 'no';
    const delay = sysctls.tcp_tw_reuse_delay * MILLISECOND;
    return twReuse(client, older.side(!clientIsB), segment.at, delay)[rule];
  }

  private fateOfReset(event: ResetSeen): RstFate | undefined {
    const { machine } = this;
    switch (event.class) {
      case 'no-flow':
        return undefined;
      case 'tw-assassination':
      case 'tw-ignored':
        return this.rstAtTimeWait(event);
      case 'answer-to-old-ack':
        return event.assassinates ? this.endsTimeWait() : 'undecided';
      case 'challenged':
        return machine.inWindow ?? 'undecided';
      // The owner of a TIME_WAIT answers a repeated FIN, unless tcp_tw_recycle has ended the TIME_WAIT early.
      case 'tw-missing':
        return this.recycles ? 'reset' : 'answered';
      case 'handshake-abort': {
        const leavesQueue = event.from === 'server' && event.isBare;
        return leavesQueue && machine.version > 0 && machine.sysctls.tcp_abort_on_overflow === 0
          ? 'syn-ack-again'
          : 'reset';
      }
      default:
        return INEFFECTIVE.has(event.class) ? 'ignored' : 'reset';
    }
  }

  /** By B4: it counts at rcv_nxt, unless PAWS or tcp_rfc1337 prevents that. */
  private rstAtTimeWait({ flow, sender, segment }: ResetSeen): RstFate {
    if (segment.seq !== bucketRcvNxt(sender)) return 'ignored';
    const paws = this.machine.sysctls.tcp_timestamps !== 0 && pawsRejects(flow, sender, segment);
    return paws ? 'ignored' : this.endsTimeWait();
  }

  private endsTimeWait(): RstFate {
    const { version, sysctls } = this.machine;
    if (version === 0) return 'undecided';
    return sysctls.tcp_rfc1337 === 1 ? 'ignored' : 'ends-time-wait';
  }
}

/** The decision on a SYN as it is kept with its connection, in eight bits: 1 + (verdict << 5 | rule << 2 | reuse). */
const codeOf = ({ verdict, rule }: Decision, reuse: Eligible | undefined): number =>
  1 + ((SYN_FATES.indexOf(verdict) << 5) | (RULES.indexOf(rule) << 2) | REUSES.indexOf(reuse));

function ofCode(code: number): [Decision, Eligible | undefined] {
  const bits = code - 1;
  return [{ verdict: SYN_FATES[bits >>> 5], rule: RULES[(bits >>> 2) & 7] }, REUSES[bits & 3]];
}
