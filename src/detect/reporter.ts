/** Turns drafts into findings: addresses as text, a stable id, packets in order, at most so many per rule and host pair. */
import { hash } from 'node:crypto';
import { epochNanos, type Nanos } from '../base/time.ts';
import type { Span } from '../capture/losses.ts';
import { SCOPE_IPV6 } from '../capture/slab.ts';
import type { Ends } from '../flow/ends.ts';
import { compareCaptured } from '../flow/packet.ts';
import type { Story } from '../flow/story.ts';
import type { Hosts } from '../wire/hosts.ts';
import { flagLetters } from '../wire/tcp.ts';
import type { Draft, Note } from './detector.ts';
import type { Rule } from './evidence.ts';
import type { Confidence, Finding, FindingPacket } from './finding.ts';
import { type FindingUpdates, isNothing } from './finding-updates.ts';
import { StoryFindings } from './story-findings.ts';
import { type Outline, Verdicts } from './verdicts.ts';

/** Host pairs whose findings are counted; a pair silent for longer than so many others starts anew. */
const MAX_PAIRS = 1 << 18;
/** Findings show at most this many packets. */
const MAX_PACKETS = 8;

export class Reporter {
  private readonly hosts: Hosts;
  private readonly origin: number;
  private readonly limit: number;
  private readonly perPair = new Map<string, number>();
  /** Of rules, in the order in which they were first asked for. */
  private readonly numbers = new Map<Rule, number>();
  private found: Finding[] = [];
  private readonly verdicts = new Verdicts();
  private readonly tellings: StoryFindings | undefined;
  /**
   * `at-end`: findings are verdicts on the whole run, told last, whenever their packets were. `so-far`: what they would
   * be by now; not counted, since they are judged again. `glance`: the same of some.
   */
  judging: 'no' | 'glance' | 'so-far' | 'at-end' = 'no';
  /** Findings by rule, those past the limit included; and those that were only counted. */
  readonly counts = new Map<string, number>();
  suppressed = 0;
  /** True once a flow had to be evicted: from then on what is missing may have been forgotten. */
  forgetful = (): boolean => false;
  /** When packets were lost, as far as is known. */
  losses: readonly Span<Nanos>[] = [];
  /** Clock steps so far. */
  epoch = 0;

  /** `early`: stories are told before they end. */
  constructor(hosts: Hosts, origin: number, limit: number, early = false) {
    this.hosts = hosts;
    this.origin = origin;
    this.limit = limit;
    if (early) this.tellings = new StoryFindings(this);
  }

  readonly report = (draft: Draft, story?: Story): void => {
    const { judging } = this;
    if (judging === 'glance' || (judging === 'so-far' && draft.isSettled !== true)) this.judge(draft);
    else if (story !== undefined && this.tellings !== undefined) {
      const finding = this.tellings.tell(draft, story);
      if (finding !== undefined) this.found.push(finding);
    } else if (!this.admit(draft)) return;
    else if (judging === 'no') this.found.push(this.finding(draft));
    else this.judge(draft);
  };

  /** Counts it. False where its hosts have as many of the rule as are told. */
  admit({ rule, ends }: Draft): boolean {
    if (this.count(rule, this.pairOf(rule, ends)) < this.limit) return true;
    this.suppressed++;
    return false;
  }

  uncount(rule: Rule): void {
    this.counts.set(rule, this.counts.get(rule)! - 1);
  }

  /** A story has been told for the last time. */
  readonly ended = (story: Story): void => this.tellings?.end(story);

  /** Of stories, since the last time; undefined where there are none. */
  storyNews(): FindingUpdates | undefined {
    const news = this.tellings?.take();
    return news === undefined || isNothing(news) ? undefined : news;
  }

  /** True where the host pair has its most findings of the rule: this one has been counted, and need not be stated. */
  readonly isPastLimit = (rule: Rule, ends: Ends): boolean => {
    const key = this.pairOf(rule, ends);
    if ((this.perPair.get(key) ?? 0) < this.limit) return false;
    this.count(rule, key);
    this.suppressed++;
    return true;
  };

  /** Short where it can be: there is one for each rule and pair. The number of an IPv6 host may be another's by the next time. */
  private pairOf(rule: Rule, { client, server, scope }: Ends): string {
    if ((scope & SCOPE_IPV6) === 0) {
      let number = this.numbers.get(rule);
      if (number === undefined) this.numbers.set(rule, (number = this.numbers.size));
      return shortKey(number, Math.min(client, server), Math.max(client, server));
    }
    const a = this.hosts.text(client, scope);
    const b = this.hosts.text(server, scope);
    return a < b ? `${rule} ${a} ${b}` : `${rule} ${b} ${a}`;
  }

  /** Returns how many the pair had before. */
  private count(rule: Rule, key: string): number {
    this.counts.set(rule, (this.counts.get(rule) ?? 0) + 1);
    const told = this.perPair.get(key) ?? 0;
    // Deleted and set anew, the map stays in order of use: of importance only as it fills up.
    if (this.perPair.size > MAX_PAIRS / 2) this.perPair.delete(key);
    this.perPair.set(key, told + 1);
    if (this.perPair.size > MAX_PAIRS) this.perPair.delete(this.perPair.keys().next().value!);
    return told;
  }

  private judge(draft: Draft): void {
    const { ends } = draft;
    const { verdicts } = this;
    const outline: Outline = {
      ...draft,
      confidence: this.confidence(draft),
      client: this.hosts.text(ends.client, ends.scope),
      server: this.hosts.text(ends.server, ends.scope),
      serverPort: ends.serverPort,
      scope: ends.scope,
      ...(draft.rule === 'unanswered-syn' ? { event: `${ends.clientPort} ${draft.raised.at}` } : {}),
    };
    const make = (): Finding => this.finding(draft);
    if (this.judging === 'glance') verdicts.glimpse(outline, make);
    else verdicts.holds(outline, this.judging === 'at-end', make);
  }

  private confidence(draft: Draft): Confidence {
    const { confidence } = draft;
    if (this.losses.length > 0 && hasHole(draft, this.losses)) return 'weak';
    return this.forgetful() && confidence === 'proof' ? 'strong' : confidence;
  }

  private evidence(draft: Draft): Finding['evidence'] {
    const { evidence } = draft;
    return this.losses.length > 0 && hasHole(draft, this.losses) ? { ...evidence, dropped_between: true } : evidence;
  }

  /** The draft as it is told, without counting it. */
  finding(draft: Draft): Finding {
    const { raised, ends, symptom } = draft;
    const client = this.hosts.text(ends.client, ends.scope);
    const server = this.hosts.text(ends.server, ends.scope);
    const packets = inOrder(draft.packets).map(
      ({ packet, note }): FindingPacket => ({
        capture: packet.capture,
        frame: packet.frame,
        at: packet.at,
        fromClient: packet.fromB === ends.clientIsB,
        flags: flagLetters(packet.flags),
        seq: packet.seq,
        ack: packet.ack,
        tsval: packet.tsval,
        tsecr: packet.tsecr,
        length: packet.length,
        note,
      }),
    );
    return {
      id: this.identify(draft, client, server),
      rule: draft.rule,
      severity: draft.severity,
      confidence: this.confidence(draft),
      title: draft.title,
      ...(symptom === undefined ? {} : { symptom }),
      epoch: this.epoch,
      at: raised.at,
      capture: raised.capture,
      frame: raised.frame,
      firstAt: raised.at,
      lastAt: Math.max(draft.lastAt ?? raised.at, packets.at(-1)?.at ?? raised.at),
      client,
      clientPort: ends.clientPort,
      server,
      serverPort: ends.serverPort,
      evidence: this.evidence(draft),
      packets,
    };
  }

  take(): Finding[] {
    const { found } = this;
    this.found = [];
    return found;
  }

  /** What a glance at some verdicts has brought. */
  glimpsed(): FindingUpdates {
    return this.verdicts.take();
  }

  /** What has become of the verdicts, all of which have been reported. `evicted`: some may have lost their evidence. */
  judged(evicted: boolean): FindingUpdates {
    return this.verdicts.judged(evicted);
  }

  /** Neither frame number nor capture goes into the id: it is the same however the capture was cut. */
  private identify(draft: Draft, client: string, server: string): string {
    const { raised, ends, rule } = draft;
    const evidence: Readonly<Record<string, unknown>> = draft.evidence;
    const parts = [
      rule,
      evidence.class ?? evidence.setting ?? '',
      `${client} ${ends.clientPort} ${server} ${ends.serverPort}`,
      epochNanos(this.origin, raised.at),
      `${raised.flags} ${raised.seq} ${raised.ack} ${raised.tsval}`,
    ];
    return hash('sha256', parts.join('|')).slice(0, 16);
  }
}

/** By time and frame, each frame once, the first notes first; the newest go when there are too many. */
function inOrder(notes: readonly Note[]): Note[] {
  const sorted = notes.toSorted(({ packet: a }, { packet: b }) => compareCaptured(a, b));
  const unique = sorted.filter(({ packet }, i) => {
    const before = sorted[i - 1]?.packet;
    return before?.frame !== packet.frame || before.capture !== packet.capture;
  });
  return unique.slice(0, MAX_PACKETS);
}

/**
 * Packets may have been lost between its first, or the beginning of its flow, and the last that it tells of. What seems
 * never to have come may have been among them.
 */
function hasHole({ raised, since, until, lastAt, packets }: Draft, losses: readonly Span<Nanos>[]): boolean {
  const times = packets.map(({ packet }) => packet.at);
  const first = Math.min(since ?? raised.at, raised.at, ...times);
  const last = Math.max(until ?? raised.at, lastAt ?? raised.at, raised.at, ...times);
  return losses.some(({ from, to }) => first <= to && last >= from);
}

/** Bits of all three, as characters: no text of a rule and two addresses is so short. */
const shortKey = (rule: number, a: number, b: number): string =>
  String.fromCharCode(rule, a >>> 16, a & 0xffff, b >>> 16, b & 0xffff);
