/**
 * Findings that are not over when they begin: what became of a SYN (an *attempt*), and what followed an RST (an
 * *aftermath*). A story exists only for flows in which a detector saw something; it is closed by the packet that
 * settles it, or when its flow has been silent for long enough, always at the same instant of capture time whatever
 * else the shard is doing.
 */
import { Heap } from '../base/heap.ts';
import { s32 } from '../base/serial.ts';
import { MILLISECOND, type Nanos, SECOND } from '../base/time.ts';
import type { Packet } from './packet.ts';

/** Linux doubles its SYN timer up to 64 s (docs/rules.md F8): a longer silence ends the attempt. */
const ATTEMPT_SILENCE: Nanos = 75 * SECOND;
/** An attempt is told after this, whoever goes on trying: Linux gives up after 127 s (tcp_syn_retries = 6). */
const LONGEST_ATTEMPT: Nanos = 300 * SECOND;
/** How long after an RST its sender's further packets tell that the RST was not its own. */
const AFTERMATH: Nanos = 1 * SECOND;
/** Packets that were on their way may arrive after the RST that overtook them. */
const OVERTAKEN: Nanos = 20 * MILLISECOND;
/** Packets of one attempt that are kept as evidence. */
const KEPT = 5;

interface Pending {
  number: number;
  /** When the story began: findings before it may be stored. */
  readonly since: Nanos;
  due: Nanos;
  closed: boolean;
  close(): void;
}

/** What became of one connection attempt, from its first SYN on. */
export class Attempt implements Pending {
  number = 0;
  closed = false;
  due: Nanos;
  readonly since: Nanos;
  readonly syn: Packet;
  /** SYNs sent, the first included. */
  syns = 1;
  othersAccepted = false;
  /** Any SYN-ACK, RST or ACK came back. */
  answered = false;
  /** Steps of the outcome in the words of `port-reuse`: challenge-ack, rst, accepted, … */
  readonly steps: string[] = [];
  /** From the first SYN to the SYN-ACK that accepted it. */
  delay: Nanos | undefined;
  /** What followed the SYN, oldest first, with a note each. */
  readonly followed: { packet: Packet; note: string }[] = [];
  private pendingAck: number | undefined;
  private readonly listeners: ((attempt: Attempt) => void)[] = [];

  constructor(syn: Packet) {
    this.syn = syn;
    this.since = syn.at;
    this.due = syn.at + ATTEMPT_SILENCE;
  }

  onSettled(listener: (attempt: Attempt) => void): void {
    this.listeners.push(listener);
  }

  close(): void {
    for (const listener of this.listeners) listener(this);
  }

  /** `othersAccepted`: the server took another connection of this host pair since the first SYN. */
  synRepeated(packet: Packet, othersAccepted: boolean): void {
    this.syns++;
    this.othersAccepted ||= othersAccepted;
    this.extend(packet, 'SYN sent again');
  }

  /** An ACK that does not acknowledge the SYN; `expected` when it repeats the numbers of the old incarnation. */
  oldAck(packet: Packet, expected: boolean): void {
    this.answered = true;
    if (this.steps.length === 0) {
      this.steps.push(expected ? 'challenge-ack' : 'challenge-ack:foreign');
      this.extend(packet, expected ? 'ACK of the old connection' : 'ACK that belongs to neither connection');
    } else this.touch(packet);
    this.pendingAck = packet.ack;
  }

  /** An RST by the client, sent because of such an ACK. */
  clientReset(packet: Packet): void {
    if (this.pendingAck !== undefined && s32(packet.seq, this.pendingAck) === 0 && this.steps.length === 1) {
      this.steps.push('rst');
      this.extend(packet, 'RST by the client, at the number that the ACK named');
    } else this.touch(packet);
  }

  accepted(packet: Packet | undefined, continuesTimeWait: boolean, note: string): void {
    this.answered = true;
    this.steps.push(continuesTimeWait ? 'accepted:tw-isn' : 'accepted');
    if (packet !== undefined) {
      this.delay = Math.max(0, packet.at - this.syn.at); // the SYN-ACK may have been recorded first
      this.extend(packet, note);
    }
  }

  refused(packet: Packet): void {
    this.answered = true;
    this.steps.push('refused');
    this.extend(packet, 'RST,ACK of the SYN');
  }

  private extend(packet: Packet, note: string): void {
    // The last place is for the packet that settles the attempt, so a long row of SYNs leaves it free.
    if (this.followed.length < KEPT - 1 || (this.followed.length < KEPT && note !== 'SYN sent again')) {
      this.followed.push({ packet, note });
    }
    this.touch(packet);
  }

  private touch(packet: Packet): void {
    this.due = Math.min(packet.at + ATTEMPT_SILENCE, this.since + LONGEST_ATTEMPT);
  }
}

/** What an RST's sender did in the second after it. */
export class Aftermath implements Pending {
  number = 0;
  closed = false;
  readonly since: Nanos;
  readonly due: Nanos;
  readonly rst: Packet;
  /** The first packet that the sender cannot have sent after resetting the connection itself. */
  continued: Packet | undefined;
  /** RSTs that followed from the same sender with other sequence numbers. */
  stepped = 0;
  private readonly listener: (aftermath: Aftermath) => void;

  constructor(rst: Packet, listener: (aftermath: Aftermath) => void) {
    this.rst = rst;
    this.since = rst.at;
    this.due = rst.at + AFTERMATH;
    this.listener = listener;
  }

  close(): void {
    this.listener(this);
  }

  /** Another RST of the same connection. */
  resetAgain(fromB: boolean, seq: number): void {
    if (fromB === this.rst.fromB && seq !== this.rst.seq) this.stepped++;
  }

  /** A data, FIN or SYN-ACK segment of the RST's sender. True when it shows that the RST was not its own. */
  sent(packet: Packet): boolean {
    if (packet.at - this.rst.at >= OVERTAKEN) this.continued ??= packet;
    return this.continued !== undefined;
  }
}

export class Stories {
  private readonly byNumber = new Map<number, { attempt?: Attempt | undefined; aftermath?: Aftermath | undefined }>();
  /** Open stories by when they are due, as it stood when they were put in: a story that went on goes in again. */
  private readonly due = new Heap<Attempt | Aftermath>();
  /** All stories in order of their beginnings; closed ones go when they reach the head. */
  private beginnings: Pending[] = [];
  private head = 0;
  private last = 0;

  /** No story can be due before this. */
  get next(): Nanos {
    return this.due.first;
  }

  attempt(number: number): Attempt | undefined {
    return this.byNumber.get(number)?.attempt;
  }

  aftermath(number: number): Aftermath | undefined {
    return this.byNumber.get(number)?.aftermath;
  }

  /** Starts a story on the flow whose story number is `number` (0 = none yet); gives the flow's number. */
  begin(number: number, story: Attempt | Aftermath): number {
    const at = number === 0 ? ++this.last : number;
    const stories = this.byNumber.get(at) ?? {};
    if (story instanceof Attempt) stories.attempt = story;
    else stories.aftermath = story;
    story.number = at;
    this.byNumber.set(at, stories);
    this.beginnings.push(story);
    this.due.push(story.due, story);
    return at;
  }

  settle(story: Attempt | Aftermath): void {
    if (story.closed) return;
    story.closed = true;
    const stories = this.byNumber.get(story.number);
    if (stories?.attempt === story) stories.attempt = undefined;
    if (stories?.aftermath === story) stories.aftermath = undefined;
    if (stories !== undefined && !stories.attempt && !stories.aftermath) this.byNumber.delete(story.number);
    story.close();
  }

  /** Closes everything that the flow's stories still hold open. */
  settleFlow(number: number): void {
    const stories = this.byNumber.get(number);
    if (stories?.aftermath) this.settle(stories.aftermath);
    if (stories?.attempt) this.settle(stories.attempt);
  }

  /** Closes what is due at `now`. */
  settleDue(now: Nanos): void {
    while (this.due.first <= now) {
      const story = this.due.pop()!;
      if (story.closed) continue;
      if (story.due > now) this.due.push(story.due, story);
      else this.settle(story);
    }
  }

  settleAll(): void {
    for (let story = this.due.pop(); story !== undefined; story = this.due.pop()) this.settle(story);
  }

  /** Start of the oldest open story, or +∞: no finding to come lies before it. */
  oldest(): Nanos {
    while (this.head < this.beginnings.length && this.beginnings[this.head]!.closed) this.head++;
    if (this.head > 1024 && this.head * 2 > this.beginnings.length) {
      this.beginnings = this.beginnings.slice(this.head);
      this.head = 0;
    }
    return this.head < this.beginnings.length ? this.beginnings[this.head]!.since : Number.POSITIVE_INFINITY;
  }
}
