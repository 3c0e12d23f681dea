/**
 * Settings of a host that its packets reveal (docs/rules.md D5): reported once for each host pair at the end of the
 * run, by the latest evidence. Evidence against a setting withdraws what was known of it.
 */
import { type Ends, endsOf } from '../flow/ends.ts';
import type { Opened } from '../flow/events.ts';
import type { Flow } from '../flow/flow.ts';
import { layout } from '../flow/layout.ts';
import { hasLoopbackAddress } from '../flow/loopback.ts';
import { lastPacket, type Packet } from '../flow/packet.ts';
import type { Attempt } from '../flow/stories/attempt.ts';
import { isOver } from '../flow/stories/story.ts';
import type { Tracker } from '../flow/tracker.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import { remarksOf } from './attempts/remarks.ts';
import type { Detector, Report, Settings } from './detector.ts';
import { Directions } from './memory/directions.ts';
import { DirtySet } from './memory/dirty-set.ts';
import { provesOff, type RecycleVerdicts, recycleFate, recycleVerdict } from './recycle/recycle.ts';
import {
  isByWhoRemembers,
  type Remembered,
  type RememberedEvidence,
  rememberedFor,
} from './recycle/remembered-tsval.ts';
import { type Reuse, reuseOf } from './reuse/tuple-reuse.ts';
import { AwaitedProofs } from './settings/awaited-proofs.ts';
import { shownOfLength, shownOfResets } from './settings/held-time-wait.ts';
import { type Found, Known, type Proof, type Setting, wentOn } from './settings/known-settings.ts';
import { ON_LOOPBACK, TAKES_OVER, TITLES } from './settings/revealed-words.ts';

const { SideBit } = layout;

export type RevealedSettingEvidence = {
  setting: Setting;
  /** Its value: a number, or words if several values look alike. */
  value: number | string;
  /** The host that has it. */
  host: string;
  /** How it was shown, in a short word. */
  proof: string;
  /** How often it was seen. */
  count: number;
  /** For tcp_tw_recycle: no clock shows that the host that accepted the SYN is the one that would remember. */
  several_servers?: true;
  /** For tcp_tw_recycle: a SYN proxy may have answered, as only a SYN-ACK was seen of the server, or its window is 0. */
  syn_proxy?: true;
} & RememberedEvidence;

export const revealedSetting: Detector<'revealed-setting'> = {
  meta: {
    id: 'revealed-setting',
    title: 'Settings that the packets reveal',
    why:
      'Some answers are possible under one setting only. What a host is set to decides what the other findings mean for ' +
      'it, and often explains them.',
    fix: 'Nothing by itself. Compare with `sysctl` on that host, or give its own word with `pawscope collect`.',
    doNot: 'Do not take it for a fault: it says how a host is set, not that this is wrong.',
    references: ['RFC 1337 (TIME_WAIT assassination)', 'Linux tcp_timewait_state_process, tcp_twsk_unique'],
  },
  create: (report, settings) => new Watch(report, settings),
};

class Watch {
  private readonly report: Report;
  private readonly settings: Settings;
  private readonly known: Directions<Known>;
  private readonly changed: DirtySet<Known>;
  /** The attempt being looked at, if it is not over; nothing is remembered of it. */
  private underWay: Attempt | undefined;
  private readonly awaited: AwaitedProofs;

  constructor(report: Report, settings: Settings) {
    this.report = report;
    this.settings = settings;
    this.changed = new DirtySet(settings.glances);
    this.awaited = new AwaitedProofs(settings.glances);
    this.known = new Directions<Known>(() => new Known(), {
      // Most were made for a TIME_WAIT that showed nothing.
      evicted: known => {
        if (known.showsAny) settings.evicted('settings');
      },
    });
  }

  opened(event: Opened): void {
    const { older, segment, tracker } = event;
    const { timeWait } = this.settings;
    const stamped = segment.timestamps === Timestamps.PRESENT;
    if (stamped && recycleFate(event, timeWait) === 'drop') {
      const { verdicts } = recycleVerdict(event, timeWait);
      // The first proof is reported, so the remembered TSval is needed for that one only.
      const isAsked = this.known.known(event.flow, tracker)?.awaitsMore !== false;
      const remembered = isAsked ? rememberedFor(event) : undefined;
      event.attempt().onSettled(attempt => this.recycled(attempt, verdicts, remembered, tracker));
    }
    const reuse = older && reuseOf(event, older, timeWait);
    if (reuse === undefined || (reuse.owner === 'none' && reuse.class !== 'closed')) return;
    // Its number shows where the SYN continues.
    const last = reuse.clientIsn === 'tw-reuse' ? lastPacket(older!, event.clientIsB) : undefined;
    event.attempt().onTold(attempt => this.reused(attempt, reuse, last, tracker));
  }

  /** A SYN-ACK without timestamps to a SYN that offered them. */
  answered(flow: Flow, tracker: Tracker): void {
    const { client, server } = flow;
    if (!server.has(SideBit.SYN_ACK) || !client.has(SideBit.TS_ON_SYN) || server.has(SideBit.TS_CUT)) return;
    if (server.has(SideBit.TS_ON_SYN)) {
      if (this.known.size > 0) this.known.known(flow, tracker)?.proofs.delete('tcp_timestamps');
      return;
    }
    const ends = endsOf(flow);
    const [syn, synAck] = [lastPacket(flow, ends.clientIsB), lastPacket(flow, !ends.clientIsB)];
    if (syn !== undefined && synAck !== undefined) this.withoutTimestamps(ends, syn, synAck, tracker, server.ttl);
  }

  /** The same for an attempt that has a story. */
  attempt({ syns, syn, accepting, acceptance, ends }: Attempt, tracker: Tracker): void {
    const synAck = accepting?.packet;
    if (synAck === undefined || syns > 1) return;
    if (acceptance?.refusesTimestamps === true) this.withoutTimestamps(ends, syn, synAck, tracker);
    else if (synAck.tsval !== null && this.known.size > 0) this.known.known(ends, tracker)?.refute('tcp_timestamps');
  }

  private withoutTimestamps(ends: Ends, syn: Packet, synAck: Packet, tracker: Tracker, ttl?: number): void {
    this.prove('tcp_timestamps', tracker, {
      end: 'server',
      // Only on Linux is there a setting of that name (revealed-words.ts).
      value: 'off, or a system without',
      proof: 'syn-ack-without',
      confidence: 'weak',
      repeated: 'strong',
      ends,
      raised: { packet: synAck, note: 'SYN-ACK without' },
      packets: [{ packet: syn, note: 'SYN with timestamps' }],
      ttl,
    });
  }

  /**
   * The per-host check would have dropped the SYN (B1), but it was accepted at once. This is a proof (D1.5) once more
   * was seen of the host than a SYN-ACK, which a proxy may send. 2.6.32 has no check for IPv6. Silence may be due to
   * loss.
   */
  private recycled(
    attempt: Attempt,
    verdicts: RecycleVerdicts,
    remembered: Remembered | undefined,
    tracker: Tracker,
  ): void {
    const synAck = attempt.accepting;
    if (attempt.syns === 1 && synAck !== undefined && attempt.steps[0]?.startsWith('accepted') === true) {
      const mayBeSeveral = !isByWhoRemembers(remembered, attempt);
      const isAwaited = !mayBeSeveral && provesOff(verdicts, attempt);
      const found: Found = {
        end: 'server',
        value: 0,
        proof: 'dropped-syn-accepted',
        confidence: 'strong',
        ends: attempt.ends,
        raised: synAck,
        packets: [...(remembered?.notes ?? []), { packet: attempt.syn, note: 'SYN that tcp_tw_recycle=1 drops' }],
        remembered: remembered?.evidence,
        mayBeSeveral,
        mayBeProxy: isAwaited || attempt.acceptance?.mayBeProxy === true,
      };
      this.prove('tcp_tw_recycle', tracker, found);
      if (isAwaited) this.awaited.add(this.known.of(attempt.ends, tracker).await(found, attempt.since));
    } else if (!attempt.answered) this.refute('tcp_tw_recycle', attempt, tracker);
  }

  /** In live runs it is also called before the attempt is over, if that has shown something by then. */
  private reused(attempt: Attempt, reuse: Reuse, last: Packet | undefined, tracker: Tracker): void {
    remarksOf(attempt).shownEarly?.forgetEarly(attempt);
    const over = isOver(attempt);
    if (!over && reuse.clientIsn !== 'tw-reuse' && attempt.steps.length === 0) return;
    this.underWay = over ? undefined : attempt;
    try {
      if (reuse.owner === 'client' || reuse.owner === 'both') this.takenOver(attempt, reuse, last, tracker);
      if (reuse.owner !== 'client') this.heldByServer(attempt, reuse, tracker);
    } finally {
      this.underWay = undefined;
    }
  }

  /** The client's own TIME_WAIT (B5). After a second every tcp_tw_reuse may allow it; before that only few do. */
  private takenOver(
    { syn, ends }: Attempt,
    { clientIsn, twReuse }: Reuse,
    last: Packet | undefined,
    tracker: Tracker,
  ): void {
    if (clientIsn !== 'tw-reuse' || twReuse === undefined || twReuse === 'no-timestamps') return;
    const early = twReuse['6.14'] === 'no' && twReuse['4.19'] !== 'yes';
    const before = this.known.of(ends, tracker).proofs.get('tcp_tw_reuse')?.found;
    const { late, soon } = hasLoopbackAddress(ends, this.settings.hosts) ? ON_LOOPBACK : TAKES_OVER;
    const { value, words } = early || before?.value === soon.value ? soon : late;
    this.prove('tcp_tw_reuse', tracker, {
      end: 'client',
      value,
      words,
      proof: 'own-isn',
      confidence: 'proof',
      ends,
      raised: { packet: syn, note: 'SYN, ISN = its old snd_nxt + 65537' },
      packets: last === undefined ? [] : [{ packet: last, note: 'old connection: last packet of the client' }],
    });
  }

  private heldByServer(attempt: Attempt, reuse: Reuse, tracker: Tracker): void {
    this.learn('tcp_rfc1337', shownOfResets(attempt, reuse), attempt, tracker);
    const longest = Number(this.known.of(attempt.ends, tracker).proofs.get('time-wait')?.found.value ?? 0);
    this.learn('time-wait', shownOfLength(attempt, reuse, longest), attempt, tracker);
  }

  private learn(setting: Setting, shown: Found | 'contrary' | undefined, attempt: Attempt, tracker: Tracker): void {
    if (shown === 'contrary') this.refute(setting, attempt, tracker);
    else if (shown !== undefined) this.prove(setting, tracker, shown);
  }

  private prove(setting: Setting, tracker: Tracker, found: Found): void {
    const known = this.known.of(found.ends, tracker);
    if (known.prove(setting, found, this.underWay)) this.changed.add(known);
  }

  private refute(setting: Setting, { ends }: Attempt, tracker: Tracker): void {
    if (this.underWay === undefined) this.known.of(ends, tracker).refute(setting);
  }

  left(flow: Flow, tracker: Tracker): void {
    if (this.known.size === 0 || !wentOn(flow)) return;
    const known = this.known.known(flow, tracker);
    if (known?.clearsTimestamps(flow, tracker)) known.refute('tcp_timestamps');
    if (known?.confirm(flow)) this.changed.add(known);
  }

  glance(tracker: Tracker): void {
    for (const known of this.awaited.come(tracker)) this.changed.add(known);
    for (const known of this.changed.take()) this.tellAll(known);
  }

  finish(): void {
    for (const [, known] of this.known) this.tellAll(known);
  }

  private tellAll(known: Known): void {
    for (const [setting, proof] of known.standing()) this.tell(setting, proof);
  }

  private tell(setting: Setting, { found, confidence, count }: Proof): void {
    const { end, value, proof, ends, raised, packets, remembered, mayBeSeveral, mayBeProxy } = found;
    const [symptom, causes] = TITLES[setting](found);
    const host = end === 'client' ? ends.client : ends.server;
    this.report({
      rule: 'revealed-setting',
      severity: 'info',
      confidence,
      title: causes === undefined ? symptom : `${symptom}: ${causes}`,
      symptom,
      raised: raised.packet,
      ends,
      evidence: {
        setting,
        value,
        host: this.settings.hosts.text(host, ends.scope),
        proof,
        count,
        ...(mayBeSeveral === true ? { several_servers: true } : {}),
        ...(mayBeProxy === true ? { syn_proxy: true } : {}),
        ...remembered,
      },
      packets: [...packets, raised],
    });
  }

  forEachHost(visit: (host: number, scope: number) => void): void {
    this.known.forEachHost(visit);
  }
}
