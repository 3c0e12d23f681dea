/**
 * Turns drafts into findings: with addresses as text, a stable id, and packets in order; up to a limit for each rule
 * and host pair.
 */
import { hash } from 'node:crypto';
import { epochNanos, type Nanos } from '../../base/time.ts';
import type { Span } from '../../capture/losses.ts';
import { SCOPE_IPV6 } from '../../capture/slab.ts';
import type { Ends } from '../../flow/ends.ts';
import { compareCaptured } from '../../flow/packet.ts';
import type { Story } from '../../flow/stories/story.ts';
import type { Hosts } from '../../wire/hosts.ts';
import { flagLetters } from '../../wire/tcp.ts';
import type { Draft, Note } from '../detector.ts';
import type { Rule } from '../evidence.ts';
import type { Confidence, Finding, FindingPacket } from '../finding.ts';
import { type FindingUpdates, isNothing } from './finding-updates.ts';
import { StoryFindings } from './story-findings.ts';
import { type Outline, Verdicts } from './verdicts.ts';

/** Host pairs whose findings are counted. A pair that had none while so many others did is counted from 0 again. */
const MAX_PAIRS = 1 << 18;
/** Findings show at most this many packets. */
const MAX_PACKETS = 8;

export class Reporter {
  private readonly hosts: Hosts;
  private readonly origin: number;
  private readonly limit: number;
  private readonly perPair = new Map<string, number>();
  /** Numbers of the rules, in the order of their first use. */
  private readonly numbers = new Map<Rule, number>();
  private found: Finding[] = [];
  private readonly verdicts = new Verdicts();
  private readonly tellings: StoryFindings | undefined;
  /**
   * `at-end`: findings are verdicts on the whole run, which are reported last, whatever the time of their packets. `so-far`:
   * verdicts by present knowledge, which are not counted, since they will be judged again. `glance`: the same for some
   * of them.
   */
  judging: 'no' | 'glance' | 'so-far' | 'at-end' = 'no';
  /** Findings by rule, including those beyond the limit; and the number of those that were only counted. */
  readonly counts = new Map<string, number>();
  suppressed = 0;
  /** True once a flow had to be evicted: from then on a missing packet may have been seen and forgotten. */
  forgetful = (): boolean => false;
  /** When packets were lost, as far as known. */
  losses: readonly Span<Nanos>[] = [];
  /** Clock steps so far. */
  epoch = 0;

  /** `early`: stories are reported before they end. */
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

  /** Counts the finding. Returns false if its hosts have reached the limit of the rule. */
  admit({ rule, ends }: Draft): boolean {
    if (this.count(rule, this.pairOf(rule, ends)) < this.limit) return true;
    this.suppressed++;
    return false;
  }

  uncount(rule: Rule): void {
    this.counts.set(rule, this.counts.get(rule)! - 1);
  }

  /** A story has been reported for the last time. */
  readonly ended = (story: Story): void => this.tellings?.end(story);

  /** Updates of stories since the last call; undefined if there are none. */
  storyNews(): FindingUpdates | undefined {
    const news = this.tellings?.take();
    return news === undefined || isNothing(news) ? undefined : news;
  }

  /**
   * Returns true if the host pair has reached the limit of the rule. Then the finding has been counted, and need not be
   * made.
   */
  readonly isPastLimit = (rule: Rule, ends: Ends): boolean => {
    const key = this.pairOf(rule, ends);
    if ((this.perPair.get(key) ?? 0) < this.limit) return false;
    this.count(rule, key);
    this.suppressed++;
    return true;
  };

  /**
   * The key is short if possible, as there is one for each rule and pair. For IPv6 it is made of text, because the
   * number of an IPv6 host may later be given to another host.
   */
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

  /** Returns how many findings the pair had before. */
  private count(rule: Rule, key: string): number {
    this.counts.set(rule, (this.counts.get(rule) ?? 0) + 1);
    const told = this.perPair.get(key) ?? 0;
    // Deleting and setting the key keeps the map in order of use. This matters only when the map is filling up.
    if (this.perPair.size > MAX_PAIRS / 2) this.perPair.delete(key);
    this.perPair.set(key, told + 1);
    if (this.perPair.size > MAX_PAIRS) this.perPair.delete(this.perPair.keys().next().value!);
    return told;
  }

  private judge(draft: Draft): void {
    const { rule, severity, title, evidence, ends, raised, isSettled } = draft;
    const { verdicts } = this;
    const outline: Outline = {
      rule,
      severity,
      confidence: this.confidence(draft),
      title,
      client: this.hosts.text(ends.client, ends.scope),
      server: this.hosts.text(ends.server, ends.scope),
      serverPort: ends.serverPort,
      evidence,
      event: rule === 'unanswered-syn' ? `${ends.clientPort} ${raised.at}` : undefined,
      scope: ends.scope,
      isSettled,
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

  /** Makes the finding of a draft, without counting it. */
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
    const finding: Finding = {
      id: this.identify(draft, client, server),
      rule: draft.rule,
      severity: draft.severity,
      confidence: this.confidence(draft),
      title: draft.title,
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
    if (symptom !== undefined) finding.symptom = symptom;
    return finding;
  }

  take(): Finding[] {
    const { found } = this;
    this.found = [];
    return found;
  }

  /** The updates from a glance at some verdicts. */
  glimpsed(): FindingUpdates {
    return this.verdicts.take();
  }

  /** The updates after all verdicts have been reported. `evicted`: some may have lost their evidence. */
  judged(evicted: boolean): FindingUpdates {
    return this.verdicts.judged(evicted);
  }

  /** The id contains neither frame number nor capture, so it is the same however the capture was cut. */
  private identify(draft: Draft, client: string, server: string): string {
    const { raised, ends, rule } = draft;
    const evidence: Readonly<Record<string, unknown>> = draft.evidence;
    const kind = evidence.class ?? evidence.setting ?? '';
    const tuple = `${client} ${ends.clientPort} ${server} ${ends.serverPort}`;
    const packet = `${raised.flags} ${raised.seq} ${raised.ack} ${raised.tsval}`;
    return hash('sha256', `${rule}|${kind}|${tuple}|${epochNanos(this.origin, raised.at)}|${packet}`).slice(0, 16);
  }
}

/**
 * By time and frame. Of several notes for one frame the first is kept; if there are too many packets, the newest are
 * left out.
 */
function inOrder(notes: readonly Note[]): Note[] {
  const sorted: Note[] = [];
  // By insertion: they are few, and mostly in order. What V8's sort allocates is more than all of them.
  for (const one of notes) {
    let place = sorted.length;
    while (place > 0 && compareCaptured(sorted[place - 1].packet, one.packet) > 0) place--;
    if (place > 0 && compareCaptured(sorted[place - 1].packet, one.packet) === 0) continue;
    sorted.splice(place, 0, one);
  }
  return sorted.slice(0, MAX_PACKETS);
}

/**
 * Whether packets may have been lost between the first packet of the finding, or the beginning of its flow, and the
 * last. A packet that seems not to exist may have been among those.
 */
function hasHole({ raised, since, until, lastAt, packets }: Draft, losses: readonly Span<Nanos>[]): boolean {
  const times = packets.map(({ packet }) => packet.at);
  const first = Math.min(since ?? raised.at, raised.at, ...times);
  const last = Math.max(until ?? raised.at, lastAt ?? raised.at, raised.at, ...times);
  return losses.some(({ from, to }) => first <= to && last >= from);
}

/** The bits of all three numbers as characters. This is shorter than the text of a rule and two addresses. */
const shortKey = (rule: number, a: number, b: number): string =>
  String.fromCharCode(rule, a >>> 16, a & 0xffff, b >>> 16, b & 0xffff);
