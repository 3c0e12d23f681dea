/**
 * What is counted of the ports of one client towards one port of one server. Little, until so many connections were
 * opened that they could fill the range: by then nothing that overlaps with them has been forgotten, since a flow
 * outlasts its port by more than a minute. From then on a window keeps the numbers by second.
 */
import type { Nanos } from '../base/time.ts';
import { type Ends, endsOf } from '../flow/ends.ts';
import type { Opened } from '../flow/events.ts';
import { layout } from '../flow/layout.ts';
import { lastPacket, type Packet, packetAt } from '../flow/packet.ts';
import { followsTimeWait, GRACE } from '../flow/time-wait.ts';
import { type PortPlan, WINDOWS_LOW } from './port-capacity.ts';
import type { JudgedAt } from './port-verdict.ts';
import { PortWindow, secondOf } from './port-window.ts';

const { SideBit } = layout;

/** Takeovers of its own TIME_WAITs by a client, or of ports just let go of, after which its ports are watched. */
const TAKEOVERS = 2;
const WAITS = 8;
/** A SYN is kept as an example for each second, up to so many. */
const MAX_EXAMPLES = 4096;
/** More than one port in so many is of the other parity: Linux has turned to them. */
const OTHER_PARITY = 20;

export interface Example {
  packet: Packet;
  clientPort: number;
}

/** Of all ports that are not watched: most never are. */
const UNWATCHED = new Map<number, Example>();

/** How long after the client's TIME_WAIT began its port was used again. */
export class ReuseAges {
  count = 0;
  least: Nanos = Number.POSITIVE_INFINITY;
  /** Within the time in which Linux lets go of a TIME_WAIT; the client's own takeovers; those shortly after the first. */
  afterTimeWait = 0;
  takeovers = 0;
  prompt = 0;
  example: { close: Packet; syn: Packet } | undefined;
}

export class PortUse {
  port: number;
  epoch: number;
  firstAt: Nanos;
  opened: number;
  /** Connections that came before the first that was looked at. */
  before: number;
  /** When a port was used that was not remembered from before, last. */
  freshAt: Nanos;
  low = 65_535;
  high = 0;
  /** Opened from ports below and above the range, below those of Windows, and of the parity that Linux takes second. */
  below = 0;
  above = 0;
  notWindows = 0;
  others = 0;
  /** Opened on ports that were used before, and remembered. */
  again = 0;
  /** When ports of the second parity became more than a few: that SYN, and how many of the first parity came before. */
  turned: { at: Nanos; firsts: number; packet: Packet } | undefined;
  readonly ages = new ReuseAges();
  window: PortWindow | undefined;
  ends: Ends | undefined;
  /** By second. */
  examples = UNWATCHED;
  judged: JudgedAt | undefined;

  /** `opened` connections came before, of which nothing else was kept. */
  constructor(port: number, epoch: number, now: Nanos, opened = 0) {
    this.opened = opened;
    this.before = opened;
    this.freshAt = now;
    this.port = port;
    this.epoch = epoch;
    this.firstAt = now;
  }

  /** A SYN begins a connection. True when from now on a window is wanted. */
  take(event: Opened, { low, high, watchFrom }: PortPlan, timeWait: Nanos): boolean {
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
      this.noteAge(event, timeWait);
    }
    const { takeovers, afterTimeWait } = this.ages;
    if (this.window === undefined) return this.opened >= watchFrom || takeovers >= TAKEOVERS || afterTimeWait >= WAITS;
    this.watch(event);
    return false;
  }

  /** From now on by the second. */
  begin(event: Opened): void {
    this.window = new PortWindow(event.segment.at);
    this.examples = new Map();
    this.ends = endsOf(event.flow);
    this.watch(event);
  }

  /** What was before that second is told, and not needed any more. */
  forgetBefore(second: number): void {
    this.window?.forgetBefore(second);
    const { examples } = this;
    // The newest of the others stays: there must be one.
    const gone = [...examples.keys()].filter(at => at < second);
    if (gone.length === examples.size) gone.pop();
    for (const at of gone) examples.delete(at);
  }

  /** How long the client would have taken to use all its ports, at the pace at which it used new ones. */
  fillTime(): Nanos {
    const ports = this.opened - this.again;
    return ((this.freshAt - this.firstAt) * ports) / (ports - this.before);
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
    ages.count++;
    if (age < ages.least) ages.least = age;
    if (age < timeWait && followsTimeWait(segment.seq, owner.nxt)) ages.takeovers++;
    // Prompt: hardly later than the soonest; a client that waits for the kernel comes at once.
    if (age <= ages.least * 1.25) ages.prompt++;
    if (age < timeWait || age > timeWait + GRACE) return;
    ages.afterTimeWait++;
    const close = lastPacket(older, !clientIsB);
    if (ages.example === undefined && close !== undefined) ages.example = { close, syn: packetAt(segment, clientIsB) };
  }
}
