/**
 * Counts of one client's ports towards one port of one server. Little is counted until there were enough connections to
 * fill the range. No connection that overlaps with those has been forgotten by then, because a flow is kept for more
 * than a minute after its port is free. From then on a window keeps numbers by second.
 */
import { type Nanos, SECOND } from '../../base/time.ts';
import { type Ends, endsOf } from '../../flow/ends.ts';
import type { Opened } from '../../flow/events.ts';
import { layout } from '../../flow/layout.ts';
import { lastPacket, type Packet, packetAt } from '../../flow/packet.ts';
import { followsTimeWait, GRACE } from '../../flow/time-wait.ts';
import { type PortPlan, WINDOWS_LOW } from './port-capacity.ts';
import type { JudgedAt } from './port-verdict.ts';
import { PortWindow, secondOf } from './port-window.ts';

const { SideBit } = layout;

/**
 * A client's ports are also watched after this many takeovers of its own TIME_WAITs, or reuses of ports just after
 * their TIME_WAIT.
 */
const TAKEOVERS = 2;
const WAITS = 8;
/** Half the standard deviation of the ages where Linux frees ports every 1.7 s, the shortest interval (docs/rules.md B2). */
const STEADY: Nanos = (1.7 * SECOND) / Math.sqrt(12) / 2;
/** With fewer ages, chance alone makes them equal or different. */
const LEAST_COMPARED = 3;
/** One SYN of each second is kept as an example, up to this many. */
const MAX_EXAMPLES = 4096;
/** If more than one port in this many has the other parity, Linux has begun to use those ports. */
const OTHER_PARITY = 20;

export interface Example {
  packet: Packet;
  clientPort: number;
}

/** Shared by all uses that are not watched, which are most of them. */
const UNWATCHED = new Map<number, Example>();

/** How long after the begin of the client's TIME_WAIT its port was used again. */
export class ReuseAges {
  count = 0;
  least: Nanos = Number.POSITIVE_INFINITY;
  /**
   * Reuses within the seconds in which Linux may end a TIME_WAIT; takeovers by the client; and reuses hardly later than
   * the earliest.
   */
  afterTimeWait = 0;
  takeovers = 0;
  prompt = 0;
  example: { close: Packet; syn: Packet } | undefined;
  /** The ages that are compared: mean, and sum of the squared distances from it (Welford's method). */
  private compared = 0;
  private mean: Nanos = 0;
  private squares = 0;

  add(age: Nanos): void {
    this.count++;
    if (age < this.least) this.least = age;
  }

  compare(age: Nanos): void {
    this.compared++;
    const distance = age - this.mean;
    this.mean += distance / this.compared;
    this.squares += distance * (age - this.mean);
  }

  /**
   * Whether the ages differ, as they do if a client waits for its ports: it takes whichever is free next, and Linux frees
   * them every two seconds or so (docs/rules.md B2). Ages that do not differ show neither that it waits nor that it does
   * not: each port may have a timer, but ports that were opened together also return together.
   */
  get differ(): boolean {
    return this.compared >= LEAST_COMPARED && Math.sqrt(this.squares / this.compared) >= STEADY;
  }
}

export class PortUse {
  port: number;
  epoch: number;
  firstAt: Nanos;
  opened: number;
  /** Connections before the first that was counted. */
  before: number;
  /** When those began, as far as they come to be known by the first reuse of their ports. */
  private firstBefore: Nanos = Number.POSITIVE_INFINITY;
  private lastBefore: Nanos = Number.NEGATIVE_INFINITY;
  /** When a port was last used of which no earlier use was known. */
  freshAt: Nanos;
  low = 65_535;
  high = 0;
  /**
   * Connections from ports below and above the range, from ports below those of Windows, and from ports of the parity
   * that Linux uses second.
   */
  below = 0;
  above = 0;
  notWindows = 0;
  others = 0;
  /** Connections on ports whose earlier use is still known. */
  again = 0;
  /**
   * When ports of the second parity became more than a few: the SYN, and how many ports of the first parity came
   * before.
   */
  turned: { at: Nanos; firsts: number; packet: Packet } | undefined;
  readonly ages = new ReuseAges();
  window: PortWindow | undefined;
  ends: Ends | undefined;
  /** Examples by second. */
  examples = UNWATCHED;
  judged: JudgedAt | undefined;

  /** `opened` earlier connections were only counted. */
  constructor(port: number, epoch: number, now: Nanos, opened = 0) {
    this.opened = opened;
    this.before = opened;
    this.freshAt = now;
    this.port = port;
    this.epoch = epoch;
    this.firstAt = now;
  }

  /** Counts a connection that a SYN begins. Returns true if it should have a window from now on. */
  take(event: Opened, { low, high, watchFrom, timeWait }: PortPlan): boolean {
    const { segment, flow, clientIsB } = event;
    const port = flow.port(clientIsB);
    this.opened++;
    if (port < this.low) this.low = port;
    if (port > this.high) this.high = port;
    if (port < low) this.below++;
    else if (port > high) this.above++;
    if (port < WINDOWS_LOW) this.notWindows++;
    if (((port ^ low) & 1) === 1 && ++this.others * OTHER_PARITY > this.opened && this.turned === undefined) {
      const packet = packetAt(segment, clientIsB);
      this.turned = { at: segment.at, firsts: this.opened - this.others, packet };
    }
    if (event.older === undefined) this.freshAt = segment.at;
    else {
      this.again++;
      if (event.older.opened < this.firstAt) this.noteBefore(event.older.opened);
      this.noteAge(event, timeWait);
    }
    const { takeovers, afterTimeWait } = this.ages;
    if (this.window === undefined) return this.opened >= watchFrom || takeovers >= TAKEOVERS || afterTimeWait >= WAITS;
    this.watch(event);
    return false;
  }

  /** Begins to count by second. */
  begin(event: Opened): void {
    this.window = new PortWindow(event.segment.at);
    this.examples = new Map();
    this.ends = endsOf(event.flow);
    this.watch(event);
  }

  /** Forgets what came before that second: it has been reported. */
  forgetBefore(second: number): void {
    this.window?.forgetBefore(second);
    const { examples } = this;
    // At least one example must be left, so the newest stays.
    const gone = [...examples.keys()].filter(at => at < second);
    if (gone.length === examples.size) gone.pop();
    for (const at of gone) examples.delete(at);
  }

  /** How long the client would have taken to use all its ports, at the rate at which it used new ones. */
  fillTime(): Nanos {
    const ports = this.opened - this.again;
    // No new port was counted, so all were used before that, and only their first reuses have told when.
    if (ports === this.before) return this.lastBefore - this.firstBefore;
    return ((this.freshAt - this.firstAt) * ports) / (ports - this.before);
  }

  private noteBefore(at: Nanos): void {
    this.firstBefore = Math.min(this.firstBefore, at);
    this.lastBefore = Math.max(this.lastBefore, at);
  }

  private watch({ segment, flow, clientIsB }: Opened): void {
    this.window!.opened(segment.at);
    const second = secondOf(segment.at);
    if (this.examples.has(second) || this.examples.size >= MAX_EXAMPLES) return;
    this.examples.set(second, { packet: packetAt(segment, clientIsB), clientPort: flow.port(clientIsB) });
  }

  private noteAge({ segment, older, clientIsB }: Opened, timeWait: Nanos): void {
    const { ages } = this;
    if (older === undefined) return;
    const owner = older.side(clientIsB);
    if (!owner.has(SideBit.TIME_WAIT) || older.epoch !== this.epoch) return;
    const age = segment.at - owner.timerStart;
    ages.add(age);
    // Later a client that waits begins as often as ports become free, and the ages are equal again.
    const begin = Math.min(this.firstAt, this.firstBefore);
    if (owner.timerStart < begin + timeWait) ages.compare(age);
    if (age < timeWait && followsTimeWait(segment.seq, owner.nxt)) ages.takeovers++;
    // Prompt means hardly later than the earliest: a client that waits for the kernel uses a port at once.
    if (age <= ages.least * 1.25) ages.prompt++;
    if (age < timeWait || age > timeWait + GRACE) return;
    ages.afterTimeWait++;
    const close = lastPacket(older, !clientIsB);
    if (ages.example === undefined && close !== undefined) ages.example = { close, syn: packetAt(segment, clientIsB) };
  }
}
