/**
 * Follows every connection of a shard. Segments come in time order. For each the flow is found by its tuple, and the side
 * of its sender is advanced. Handshakes, closes and resets are handled in files of that name. Nothing here depends on
 * flows of other host pairs, so any number of shards gives the same result.
 */
import { type Nanos, SECOND } from '../base/time.ts';
import { isFromB, orderedPorts, tupleHash } from '../wire/fingerprint.ts';
import type { Hosts } from '../wire/hosts.ts';
import { Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';
import { NO_WINDOW_SCALE } from '../wire/tcp-options.ts';
import { advance } from './advance.ts';
import { Duplicates, mayBeAnother } from './duplicates.ts';
import { type Failed, type Hooks, hooksOf, type Observer, rethrow } from './events.ts';
import { findAwake, findFlow } from './find-flow.ts';
import { Flow } from './flow.ts';
import type { FlowRow } from './flow-row.ts';
import { inHandshake } from './handshake.ts';
import { Histories } from './histories.ts';
import { layout } from './layout.ts';
import { joinMidway } from './midway.ts';
import { giveUpAtEnd, giveUpAtStep, settleSyns } from './pending-flows.ts';
import { onReset } from './reset-event.ts';
import { letGo, makeRoom, tellAll } from './retirement.ts';
import { ScopeAliases } from './scope-aliases.ts';
import { SecondCapturePoint } from './second-capture-point.ts';
import { SplitPaths } from './split-path.ts';
import { OpenStories } from './stories/open-stories.ts';
import type { Story } from './stories/story.ts';
import { onSyn, SynSeen } from './syn.ts';
import { mayOpenAnother, onSynAck } from './syn-ack.ts';
import { SynSample } from './syn-sample.ts';
import { ClosedFlows } from './tables/closed-flows.ts';
import { FlowTable } from './tables/flow-table.ts';
import { Pairs, pairHash } from './tables/pairs.ts';
import { PendingSyns } from './tables/pending-syns.ts';
import { Wheel } from './tables/wheel.ts';
import { GRACE } from './time-wait.ts';
import type { Ending } from './time-wait-rows.ts';
import { TimeWaitWriter } from './time-wait-writer.ts';
import { Unseen } from './unseen.ts';

const { ACK, FIN, RST, SYN } = Flag;
const { L, Phase, FlowBit, SideBit } = layout;

/** A closed flow is remembered for this time after its last packet, or for as long as a TIME_WAIT if that is longer. */
const LINGER: Nanos = 150 * SECOND;

export interface TrackerOptions {
  maxFlows: number;
  /** Nanoseconds. */
  timeWait: Nanos;
  flows: boolean;
}

export class Tracker {
  readonly hosts: Hosts;
  /** The segment at hand, overwritten by each. */
  readonly segment = new Segment();
  readonly timeWait: Nanos;
  readonly lingering: Nanos;
  readonly table: FlowTable;
  readonly closed: ClosedFlows;
  readonly pairs: Pairs;
  readonly wheel: Wheel;
  readonly stories = new OpenStories();
  readonly pending: PendingSyns;
  /** Cursors that are reused: the flow of the segment at hand, a new one, an older incarnation, one to be dropped. */
  readonly flow: Flow;
  readonly newFlow: Flow;
  readonly olderFlow: Flow;
  readonly leaving: Flow;
  readonly hooks: Hooks;
  readonly synSeen: SynSeen;
  readonly histories: Histories | undefined;
  readonly timeWaits: TimeWaitWriter;
  flowRows: FlowRow[] = [];
  /** Time of the segment at hand. */
  now: Nanos = Number.NEGATIVE_INFINITY;
  /** The number of clock steps; times of different epochs cannot be compared. */
  epoch = 0;
  opened = 0;
  duplicates = 0;
  evicted = 0;
  /** Nothing is due before this time. */
  nextDue: Nanos = Number.NEGATIVE_INFINITY;
  /** The slot at which the next search for an idle flow to evict begins. */
  evictionHand = 0;
  readonly copies = new Duplicates();
  readonly aliases = new ScopeAliases();
  readonly splitPaths = new SplitPaths();
  readonly secondPoint = new SecondCapturePoint();
  readonly unseen = new Unseen();
  readonly synSample = new SynSample();

  constructor(hosts: Hosts, observers: readonly Observer[], options: TrackerOptions, failed: Failed = rethrow) {
    this.hosts = hosts;
    this.hooks = hooksOf(observers, failed);
    this.timeWait = options.timeWait;
    this.lingering = Math.max(LINGER, options.timeWait + 2 * GRACE);
    this.table = new FlowTable(options.maxFlows);
    this.pairs = new Pairs(this.table.capacity + 1); // each flow has one, and the spare record
    this.closed = new ClosedFlows(this.table);
    this.wheel = new Wheel(this.table, this.closed, this.pairs, this.lingering);
    this.flow = new Flow(this.table);
    this.newFlow = new Flow(this.table);
    this.olderFlow = new Flow(this.table);
    this.leaving = new Flow(this.table);
    this.synSeen = new SynSeen(this);
    this.timeWaits = new TimeWaitWriter(hosts, options.timeWait);
    this.histories = options.flows ? new Histories() : undefined;
    // Histories are kept by the base of a record, so nothing may rest with them.
    this.pending = new PendingSyns(this.table, this.pairs, !options.flows);
  }

  /** Takes the segment at hand (`segment`); segments come in time order. */
  take(): void {
    const { at, flags } = this.segment;
    this.now = at;
    if (at >= this.nextDue) this.settle(at);
    if ((flags & (SYN | FIN | RST)) === (SYN | FIN)) return; // opens and closes nothing (docs/rules.md D0.6)
    if (this.copies.seen(this.segment)) this.dropDuplicate();
    else this.follow();
    if (this.stories.witnesses.areAwaited) this.stories.witnesses.hear(this);
  }

  /** All segments up to `at` have come. Settles what is due by then, although no segment has that time. */
  reach(at: Nanos): void {
    if (at < this.nextDue || at <= this.now) return;
    this.settle((this.now = at));
  }

  begin(flow: Flow, story: Story): void {
    flow.story = this.stories.begin(flow.story, story);
    this.expect(story.due);
  }

  /** To be called when a story has begun that is due at `due`, or has become due sooner. */
  expect(due: Nanos): void {
    if (due < this.nextDue) this.nextDue = due;
    // Stories are evicted with the next segment, as the caller uses cursors now.
    if (this.stories.crowded) this.nextDue = Number.NEGATIVE_INFINITY;
  }

  /** Closes the stories, and drops the flows, that are due at `at`. */
  private settle(at: Nanos): void {
    this.stories.settleDue(at);
    this.stories.evict(at);
    settleSyns(this, at);
    letGo(this, at);
    this.nextDue = Math.min(this.stories.next, this.pending.next, this.pending.nextRest, this.wheel.next);
  }

  /** No future finding was raised before this instant. */
  get settled(): Nanos {
    return Math.min(this.stories.oldest(), this.pending.oldest());
  }

  /** The capture clock has stepped back. Ages across the step mean nothing, so everything that waits is closed now. */
  step(): void {
    // Shards do not know how far others have come. What was due before the step is closed with the rest, without a time.
    this.stories.settleAll(Number.NEGATIVE_INFINITY);
    giveUpAtStep(this);
    this.epoch = (this.epoch + 1) & 0xffff;
    this.now = Number.NEGATIVE_INFINITY;
    this.nextDue = Number.NEGATIVE_INFINITY;
    this.copies.clear();
    this.secondPoint.clear();
  }

  /** The input has ended at `at`: reports everything that is still open. Calls `pause` now and then meanwhile. */
  finish(at: Nanos, pause: () => void): void {
    this.now = at;
    this.stories.settleDue(at);
    this.stories.settleAll(at);
    giveUpAtEnd(this, at);
    tellAll(this, pause);
  }

  /** Lets the observers report verdicts for which there is new information. */
  glance(now: Nanos): void {
    this.hooks.glance(this, now);
  }

  /** After `finish`: lets the observers report verdicts on what they have collected. */
  judge(now: Nanos): void {
    this.hooks.finish(this, now);
  }

  /** Host numbers are about to be given to other hosts: forgets what is remembered by host number only. */
  forgetHosts(): void {
    this.copies.clear();
    this.secondPoint.clear();
    this.aliases.clear();
  }

  private dropDuplicate(): void {
    const { src, dst, scope } = this.segment;
    const { firstScope, firstAt } = this.copies;
    if (firstScope !== scope || !mayBeAnother(this.segment)) this.duplicates++;
    this.secondPoint.copied(this, firstAt);
    if (firstScope !== scope) this.aliases.learn(src, dst, scope, firstScope);
  }

  private follow(): void {
    const { segment, table } = this;
    const fromB = isFromB(segment);
    let base = findFlow(this, fromB);
    // Its own scope comes first: other connections of the pair may have both directions there.
    if (base < 0 && !this.aliases.isEmpty && this.aliases.apply(segment)) base = findFlow(this, fromB);
    const control = segment.flags & (SYN | RST | ACK);
    if (this.secondPoint.isAny && base >= 0 && (control & SYN) === 0 && this.secondPoint.repeats(this, base, fromB))
      return;
    if (base < 0 && control !== SYN) base = this.splitPaths.join(this, fromB);
    if (table.full && (base < 0 || mayOpenAnother(this, base, control))) {
      makeRoom(this);
      if (table.full) return;
      base = findAwake(this, fromB);
    }
    // A segment with both RST and SYN is treated as an RST: no stack opens a connection with it.
    if ((control & RST) !== 0) onReset(this, base, fromB);
    else if ((control & SYN) !== 0) {
      this.synSample.note(segment);
      if (control === SYN) onSyn(this, base, fromB);
      else onSynAck(this, base, fromB);
    } else {
      if (base < 0) base = joinMidway(this, fromB);
      else if ((table.words[base + L.STATE] & L.PHASE_MASK) < Phase.OPEN && !inHandshake(this, base, fromB)) return;
      advance(this, base, fromB);
    }
  }

  /** The flow is over, or at least not open. It is remembered because its tuple may be used again. */
  isLingering(base: number): boolean {
    const { words } = this.table;
    if ((words[base + L.STATE] & L.PHASE_MASK) !== Phase.OPEN) return true;
    return (words[base + L.SIDE_A + L.BITS] & words[base + L.SIDE_B + L.BITS] & SideBit.FIN) !== 0;
  }

  /** Makes a record for the segment's tuple, which is not in the index yet. `fromClient`: its sender is the client. */
  open(fromB: boolean, fromClient: boolean): number {
    const { segment, table, pairs } = this;
    const base = table.allocate();
    const { words, doubles } = table;
    const { src, dst, ports, scope } = segment;
    const hostA = fromB ? dst : src;
    const hostB = fromB ? src : dst;
    words[base + L.HOST_A] = hostA;
    words[base + L.HOST_B] = hostB;
    words[base + L.PORTS] = orderedPorts(ports, fromB);
    words[base + L.SCOPE] = scope;
    words[base + L.STATE] = (this.epoch << L.EPOCH_SHIFT) | (fromB === fromClient ? FlowBit.CLIENT_IS_B : 0);
    words[base + L.CAPTURE] = segment.capture << 16;
    for (const side of [L.SIDE_A, L.SIDE_B]) words[base + side + L.BITS] = NO_WINDOW_SCALE << L.SCALE_SHIFT;
    doubles[(base + L.OPENED) >> 1] = this.now;
    doubles[(base + L.LAST) >> 1] = this.now;
    words[base + L.PAIR] = pairs.hold(pairHash(hostA, hostB, scope), hostA, hostB, scope, this.epoch);
    this.splitPaths.note(scope);
    this.opened++;
    return base;
  }

  /** Puts a new record into the index; replaces `older` there, if that is not -1. */
  admit(base: number, older: number): void {
    const { words } = this.table;
    const hash = this.hashOf(base);
    if (older < 0) this.table.insert(hash, base);
    else this.table.replace(hash, older, base);
    // A flow with a SYN is in the queue of pending SYNs first. Most connections are open when they leave that.
    if ((words[base + L.STATE] & L.PHASE_MASK) === Phase.SYN_RCVD) this.linger(base, this.now);
  }

  hashOf(base: number): number {
    const { words } = this.table;
    return tupleHash(words[base + L.HOST_A], words[base + L.HOST_B], words[base + L.PORTS], words[base + L.SCOPE]);
  }

  /** From now on the record is dropped when it has been silent for long enough. */
  linger(base: number, at: Nanos): void {
    this.wheel.add(base, at + this.lingering);
  }

  /**
   * Records the end of the TIME_WAIT of one side. `mayHoldOn`: perhaps another host behind the owner's address used the
   * port again, so that the owner's TIME_WAIT goes on.
   */
  endTimeWait(flow: Flow, ownerIsB: boolean, at: Nanos, ending: Ending, mayHoldOn = false): void {
    flow.side(ownerIsB).set(SideBit.TIME_WAIT_OVER);
    this.timeWaits.add(flow, ownerIsB, at, ending, mayHoldOn);
    this.hooks.timeWaitOver(flow, ownerIsB, at, this);
    // If it turns out not to have ended, its second row begins here.
    if (ending === 'rst') flow.side(ownerIsB).entered = at;
  }
}
