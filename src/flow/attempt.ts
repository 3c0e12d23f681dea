/** What became of one connection attempt, from its first SYN on, where that was more than a SYN-ACK at once. */
import { appended } from '../base/appended.ts';
import { s32 } from '../base/serial.ts';
import { type Nanos, SECOND } from '../base/time.ts';
import type { Ends } from './ends.ts';
import { wentOn } from './interim-tellings.ts';
import type { Packet } from './packet.ts';
import { isOver, type Story, type StoryPlace } from './story.ts';

/** Linux doubles its SYN timer up to 64 s (docs/rules.md F8): a longer silence ends the attempt. */
export const ATTEMPT_SILENCE: Nanos = 75 * SECOND;
/** An attempt is told after this, whoever goes on trying: Linux gives up after 127 s (tcp_syn_retries = 6). */
export const LONGEST_ATTEMPT: Nanos = 300 * SECOND;
/** Packets of one attempt that are kept as evidence. */
const KEPT = 5;
/** SYNs whose times are kept: more than any schedule needs to be recognised. */
const KEPT_TIMES = 16;

const AGAIN = 'SYN sent again';

type Listener = (attempt: Attempt) => void;

/**
 * What detectors keep with an attempt for as long as it lasts: each adds its part to this type where it is made, and
 * nobody else looks at it. In a WeakMap it took a tenth of the time of a run with many attempts.
 */
// biome-ignore lint/suspicious/noEmptyInterface: what is in it, the folders above know.
export interface Remarks {}

/** What an ACK that answers a SYN without acknowledging it says of the older incarnation. */
interface OldAck {
  /** It repeats the numbers of the older incarnation. */
  expected: boolean;
  /** That should be gone since an RST before the attempt. */
  outlives: boolean;
  /** It comes from a mini-socket (B3). */
  fromMiniSocket: boolean;
}

export class Attempt implements Story {
  readonly kind = 'attempt';
  number = 0;
  place: StoryPlace | undefined;
  due: Nanos;
  readonly since: Nanos;
  readonly syn: Packet;
  readonly ends: Ends;
  /** SYNs sent, the first included, and when the first of them were. */
  syns = 1;
  readonly sentAt: Nanos[];
  /** Any SYN-ACK, RST or ACK came back. */
  answered = false;
  /** ACKs of something else that came back. */
  oldAcks = 0;
  /** The first of them came from a mini-socket, TIME_WAIT or FIN_WAIT2, of a host that numbers what its sockets send (B3). */
  fromMiniSocket = false;
  /** Steps of the outcome in the words of `port-reuse`: challenge-ack, rst, accepted, … */
  steps: readonly string[] = [];
  /** From the first SYN to the SYN-ACK that accepted it. */
  delay: Nanos | undefined;
  /** Accepted by a SYN-ACK of window 0, as a SYN proxy sends it that has not asked the server yet. */
  mayBeProxy = false;
  /** Its SYN offered timestamps, and the SYN-ACK that accepted it has none. */
  refusesTimestamps = false;
  /** TSval of the SYN-ACK that accepted it. */
  answerTsval: number | undefined;
  /** It is that of a SYN cookie, or of one in 64 others. */
  likeCookie = false;
  /** The client reset it before any answer. */
  givenUp = false;
  /** When the attempt was settled, or told as it stood: what came later is not in it. */
  settledAt: Nanos = Number.NaN;
  /** What followed the SYN, oldest first, with a note each. */
  followed: readonly { packet: Packet; note: string }[] = [];
  /** The old connection answered a SYN that came after an RST which should have ended it: the first such ACK. */
  outlived: { packet: Packet } | undefined;
  /** The server took another connection of this host pair between the first SYN and the last, or the last but one. */
  private othersUntilLast = false;
  private othersBefore = false;
  /** What detect/what-if.ts makes of the first SYN, or 0. */
  supposed = 0;
  readonly remarks: Remarks = {};
  private again: Listener | undefined;
  /** Its last packet, shown or not. */
  touchedAt: Nanos;
  private pendingAck: number | undefined;
  private resetAt: Nanos = Number.POSITIVE_INFINITY;
  /** Only an ACK to a SYN that came after the RST tells: an earlier one may have been under way. */
  private lastSyn: Nanos;
  private listeners: readonly Listener[] = [];
  private readonly guarded: (listener: Listener) => Listener;

  /** `guarded`: makes a listener of which nobody but its owner suffers when it throws (events.ts). */
  constructor(syn: Packet, ends: Ends, guarded: (listener: Listener) => Listener = listener => listener) {
    this.guarded = guarded;
    this.syn = syn;
    this.ends = ends;
    this.sentAt = [syn.at];
    this.touchedAt = syn.at;
    this.lastSyn = syn.at;
    this.since = syn.at;
    this.due = syn.at + ATTEMPT_SILENCE;
  }

  onSettled(listener: Listener): void {
    this.onTold(attempt => {
      if (isOver(attempt)) listener(attempt);
    });
  }

  /** The listener is called when it is settled, and live also before, while it goes on: it must not remember anything. */
  onTold(listener: Listener): void {
    this.listeners = appended(this.listeners, this.guarded(listener));
  }

  /** One SYN, and neither an answer nor the time that one may take. */
  get isPending(): boolean {
    return !isOver(this) && this.syns === 1 && !this.answered;
  }

  /** Asked as it is told for the last time: tells it by `listener` alone at `due`, when what came after it is known too. */
  tellAgain(due: Nanos, listener: Listener): void {
    this.due = due;
    this.again = this.guarded(listener);
  }

  get waits(): boolean {
    return this.again !== undefined;
  }

  tell(at: Nanos): void {
    const { again } = this;
    if (again !== undefined) {
      if (isOver(this)) this.again = undefined;
      again(this);
      return;
    }
    this.settledAt = Math.max(at, this.touchedAt);
    for (const listener of this.listeners) listener(this);
  }

  /**
   * The server took another connection of this host pair while SYNs of this one went unanswered. Whoever was taken
   * just before the last of three, which was answered, may have been let in with it.
   */
  get othersAccepted(): boolean {
    return this.answered && this.syns > 2 ? this.othersBefore : this.othersUntilLast;
  }

  /** `othersAccepted`: the server took another connection of this host pair since the first SYN. */
  synRepeated(packet: Packet, othersAccepted: boolean): void {
    this.syns++;
    this.lastSyn = packet.at;
    if (this.sentAt.length < KEPT_TIMES) this.sentAt.push(packet.at);
    this.othersBefore = this.othersUntilLast;
    this.othersUntilLast ||= othersAccepted;
    this.extend(packet, AGAIN);
  }

  /** An ACK that does not acknowledge the SYN. */
  oldAck(packet: Packet, { expected, outlives, fromMiniSocket }: OldAck): void {
    this.answered = true;
    if (this.oldAcks++ === 0) this.fromMiniSocket = fromMiniSocket;
    if (outlives || (expected && this.lastSyn > this.resetAt)) {
      this.outlived ??= { packet };
      this.resetAt = Number.POSITIVE_INFINITY;
    }
    if (this.steps.length === 0) {
      this.steps = [expected ? 'challenge-ack' : 'challenge-ack:foreign'];
      this.extend(packet, expected ? 'ACK of the old connection' : 'ACK that belongs to neither connection');
    } else this.touch(packet);
    this.pendingAck = packet.ack;
  }

  /** An RST by the client, sent because of such an ACK. */
  clientReset(packet: Packet): void {
    const atAck = this.pendingAck !== undefined && s32(packet.seq, this.pendingAck) === 0;
    if (atAck) this.resetAt = packet.at;
    if (atAck && this.steps.length === 1) {
      this.steps = appended(this.steps, 'rst');
      this.extend(packet, 'RST by the client, at the number that the ACK named');
    } else this.touch(packet);
  }

  accepted(packet: Packet | undefined, continuesTimeWait: boolean, note: string): void {
    this.answered = true;
    this.steps = appended(this.steps, continuesTimeWait ? 'accepted:tw-isn' : 'accepted');
    if (packet !== undefined) {
      this.delay = Math.max(0, packet.at - this.syn.at); // the SYN-ACK may have been recorded first
      this.extend(packet, note);
    }
  }

  refused(packet: Packet): void {
    this.answered = true;
    this.steps = appended(this.steps, 'refused');
    this.extend(packet, 'RST,ACK of the SYN');
  }

  private extend(packet: Packet, note: string): void {
    // The last place is for the packet that settles the attempt; of a long row of SYNs the newest stands before it.
    const { followed } = this;
    const isFull = followed.length === KEPT - 1 && note === AGAIN;
    const kept = isFull && followed[KEPT - 2]!.note === AGAIN ? followed.slice(0, -1) : followed;
    if (kept.length < KEPT - (note === AGAIN ? 1 : 0)) this.followed = appended(kept, { packet, note });
    this.touch(packet);
  }

  private touch(packet: Packet): void {
    this.touchedAt = packet.at;
    this.due = Math.min(packet.at + ATTEMPT_SILENCE, this.since + LONGEST_ATTEMPT);
    wentOn(this.place, packet.at);
  }
}
