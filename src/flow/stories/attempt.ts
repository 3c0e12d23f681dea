/** The story of one connection attempt, from its first SYN on; kept only if more happened than a SYN-ACK at once. */
import { appended } from '../../base/appended.ts';
import { s32 } from '../../base/serial.ts';
import { type Nanos, SECOND } from '../../base/time.ts';
import { Flag } from '../../wire/tcp.ts';
import type { Ends } from '../ends.ts';
import type { Packet } from '../packet.ts';
import { OLD_ACKS, type Step, TIME_WAIT_ISN, UNSEEN_ACK } from './attempt-steps.ts';
import { wentOn } from './interim-tellings.ts';
import { isOver, type Story, type StoryPlace } from './story.ts';

/** Linux doubles its SYN timer up to 64 s (docs/rules.md F8): a longer silence ends the attempt. */
export const ATTEMPT_SILENCE: Nanos = 75 * SECOND;
/** After this an attempt is reported even if its client goes on: Linux gives up after 127 s (tcp_syn_retries = 6). */
export const LONGEST_ATTEMPT: Nanos = 300 * SECOND;
/** Number of packets of an attempt that are kept as evidence. */
const KEPT = 5;
/** Number of SYNs whose times are kept: more than are needed to recognise a schedule. */
const KEPT_TIMES = 16;

const AGAIN = 'SYN sent again';

type Listener = (attempt: Attempt) => void;

/** A packet of the attempt after its SYN, and what is noted of it. */
interface Followed {
  packet: Packet;
  note: string;
}

/** What an ACK that answers a SYN without acknowledging it reveals about the older incarnation. */
interface OldAck {
  /** It has the sequence numbers of the older incarnation. */
  expected: boolean;
  /** The older incarnation still exists, although an RST before the attempt should have ended it. */
  outlives: boolean;
  /** It was sent by a mini-socket (docs/rules.md B3). */
  fromMiniSocket: boolean;
}

/** What the SYN-ACK tells that accepted the attempt. */
export interface Acceptance {
  /** It has window 0: a SYN proxy sends such a SYN-ACK before it has contacted the server. */
  mayBeProxy: boolean;
  /** The SYN offered timestamps, and it has none. */
  refusesTimestamps: boolean;
  tsval: number | undefined;
  /** That TSval has the form of a SYN cookie's. One in 64 others has it by chance. */
  likeCookie: boolean;
}

export class Attempt implements Story {
  readonly kind = 'attempt';
  number = 0;
  place: StoryPlace | undefined;
  readonly since: Nanos;
  due: Nanos;
  /** Time of its last packet, whether that is kept as evidence or not. */
  touchedAt: Nanos;
  /** When the attempt was settled, or last reported: what came later is not included. */
  settledAt: Nanos = Number.NaN;

  /** What the client sends: the first SYN, the number of SYNs with that, and the times of the first KEPT_TIMES of them. */
  readonly ends: Ends;
  readonly syn: Packet;
  syns = 1;
  readonly sentAt: Nanos[];
  private lastSyn: Nanos;
  /** The server took another connection of this host pair between the first SYN and the last one, or the last but one. */
  private othersUntilLast = false;
  private othersBefore = false;

  /** What came back, and what the client made of it: the steps of the outcome, in order. */
  steps: readonly Step[] = [];
  /**
   * The packets after the SYN, oldest first, each with a note. A packet's place does not tell its step: SYNs that were sent
   * again stand between them, and packets that were not captured are missing. So those of the steps have fields of their
   * own.
   */
  followed: readonly Followed[] = [];

  /** Number of ACKs that came back and do not acknowledge the SYN, and the number that the newest of them names. */
  oldAcks = 0;
  private pendingAck: number | undefined;
  /** The first of them, if it is the first step. */
  oldAnswer: Followed | undefined;
  /**
   * The first of them came from a mini-socket (TIME_WAIT or FIN_WAIT2): its IPv4 identification is 0, while the host's
   * sockets set one (docs/rules.md B3).
   */
  fromMiniSocket = false;
  /** The client's RST that answers it, and when it was sent. */
  rst: Followed | undefined;
  private resetAt: Nanos = Number.POSITIVE_INFINITY;
  /** The first of them that answers a SYN although such an RST, or one before the attempt, should have ended its sender. */
  outlived: { packet: Packet } | undefined;

  /** What accepted the attempt: nearly always a SYN-ACK. Undefined if it was not captured. */
  accepting: Followed | undefined;
  acceptance: Acceptance | undefined;

  /** The verdict of detect/what-if/what-if.ts on the first SYN, or 0. */
  supposed = 0;
  /**
   * What the rules note of it, for as long as it lasts: detect/attempts/remarks.ts. A WeakMap instead took a tenth of the
   * time of a run with many attempts.
   */
  readonly remarks: object = {};
  private listeners: readonly Listener[] = [];
  private again: Listener | undefined;
  private readonly guarded: (listener: Listener) => Listener;

  /** `guarded` wraps a listener so that an error in it affects only its owner (events.ts). */
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

  /**
   * The listener is called when the attempt is settled, and during live capture also while it goes on. As it may be
   * called several times, it must not accumulate state.
   */
  onTold(listener: Listener): void {
    this.listeners = appended(this.listeners, this.guarded(listener));
  }

  /** Any SYN-ACK, RST or ACK came back. */
  get answered(): boolean {
    return this.steps.length > 0;
  }

  /** From the first SYN to the SYN-ACK that accepted it, which may have been recorded first. */
  get delay(): Nanos | undefined {
    return this.accepting && Math.max(0, this.accepting.packet.at - this.syn.at);
  }

  /** One SYN was sent, and it may still be answered. */
  get isPending(): boolean {
    return !isOver(this) && this.syns === 1 && !this.answered;
  }

  /**
   * For use by a listener when the attempt is reported for the last time: reports it once more at `due`, to `listener`
   * alone, when it is also known what came afterwards.
   */
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
   * The server took another connection of this host pair while SYNs of this one went unanswered. If the last of three
   * or more SYNs was answered, those taken just before it do not count: they may have been let in together with it.
   */
  get othersAccepted(): boolean {
    return this.answered && this.syns > 2 ? this.othersBefore : this.othersUntilLast;
  }

  /** The packet of the first step, if that shows that the old connection still existed. */
  get ofOldConnection(): Followed | undefined {
    const [first] = this.steps;
    if (first === OLD_ACKS.ack.expected.step) return this.oldAnswer;
    return first === TIME_WAIT_ISN ? this.accepting : undefined;
  }

  /** `othersAccepted`: the server has taken another connection of this host pair since the first SYN. */
  synRepeated(packet: Packet, othersAccepted: boolean): void {
    this.syns++;
    this.lastSyn = packet.at;
    if (this.sentAt.length < KEPT_TIMES) this.sentAt.push(packet.at);
    this.othersBefore = this.othersUntilLast;
    this.othersUntilLast ||= othersAccepted;
    this.extend(packet, AGAIN);
  }

  /** An ACK that answers the SYN without acknowledging it. */
  oldAck(packet: Packet, { expected, outlives, fromMiniSocket }: OldAck): void {
    if (expected && this.lacksOldAck && packet.ack === this.pendingAck) {
      this.oldAckAfterReset(packet, fromMiniSocket);
      return;
    }
    if (this.oldAcks++ === 0) this.fromMiniSocket = fromMiniSocket;
    const isSynAck = (packet.flags & Flag.SYN) !== 0;
    if (outlives || (expected && !isSynAck && this.lastSyn > this.resetAt)) {
      this.outlived ??= { packet };
      this.resetAt = Number.POSITIVE_INFINITY;
    }
    if (this.steps.length === 0) {
      const { step, note } = OLD_ACKS[isSynAck ? 'synAck' : 'ack'][expected ? 'expected' : 'foreign'];
      this.steps = [step];
      this.oldAnswer = this.extend(packet, note);
    } else this.touch(packet);
    this.pendingAck = packet.ack;
  }

  /** The ACK was recorded after the RST that answers it, with which it has been counted. */
  private oldAckAfterReset(packet: Packet, fromMiniSocket: boolean): void {
    this.fromMiniSocket = fromMiniSocket;
    this.steps = [OLD_ACKS.ack.expected.step, ...this.steps.slice(1)];
    this.oldAnswer = this.extend(packet, OLD_ACKS.ack.expected.note);
  }

  /** The client answered an ACK of the old connection that was not captured. */
  get lacksOldAck(): boolean {
    return this.steps[0] === UNSEEN_ACK;
  }

  /** An RST by which the client answers such an ACK, perhaps one that was not captured. */
  clientReset(packet: Packet): void {
    if (this.oldAcks === 0) {
      this.oldAcks = 1;
      this.steps = [UNSEEN_ACK];
      this.pendingAck = packet.seq;
    }
    const atAck = this.pendingAck !== undefined && s32(packet.seq, this.pendingAck) === 0;
    if (atAck) this.resetAt = packet.at;
    if (atAck && this.steps.length === 1) {
      this.steps = appended(this.steps, 'rst');
      this.rst = this.extend(packet, 'RST by the client, at the number that the ACK named');
    } else this.touch(packet);
  }

  accepted(packet: Packet | undefined, continuesTimeWait: boolean, note: string): void {
    this.steps = appended(this.steps, continuesTimeWait ? TIME_WAIT_ISN : 'accepted');
    if (packet !== undefined) this.accepting = this.extend(packet, note);
  }

  refused(packet: Packet): void {
    this.steps = appended(this.steps, 'refused');
    this.extend(packet, 'RST,ACK of the SYN');
  }

  private extend(packet: Packet, note: string): Followed {
    // The last slot is reserved for the packet that settles the attempt. In a long series of SYNs, the newest one
    // replaces the one before it.
    const { followed } = this;
    const one = { packet, note };
    const isFull = followed.length === KEPT - 1 && note === AGAIN;
    const kept = isFull && followed[KEPT - 2].note === AGAIN ? followed.slice(0, -1) : followed;
    if (kept.length < KEPT - (note === AGAIN ? 1 : 0)) this.followed = appended(kept, one);
    this.touch(packet);
    return one;
  }

  private touch(packet: Packet): void {
    this.touchedAt = packet.at;
    this.due = Math.min(packet.at + ATTEMPT_SILENCE, this.since + LONGEST_ATTEMPT);
    wentOn(this.place, packet.at);
  }
}
