/** What is kept of an RST until reset-close reports it: its flow changes with the RST, and later packets say more. */
import type { Nanos } from '../../base/time.ts';
import { type End, type Ends, endsOf } from '../../flow/ends.ts';
import type { ResetSeen } from '../../flow/events.ts';
import { layout } from '../../flow/layout.ts';
import { lastPacket, type Packet } from '../../flow/packet.ts';
import { isBehind, type ResetClass, takesOver } from '../../flow/resets.ts';
import type { Note } from '../detector.ts';
import type { LaterWhatIf } from '../what-if/what-if.ts';
import { hintsAt, type ResetHint } from './reset-hints.ts';
import { type Reading, readingOf } from './reset-signs.ts';
import { idleBefore, passedBefore } from './silence.ts';

const { FlowBit } = layout;

export interface Reset extends Reading {
  class: ResetClass;
  from: End;
  rst: Packet;
  ends: Ends;
  /** When the connection began, and the last packets of its two ends. */
  since: Nanos;
  before: readonly Note[];
  idle: Nanos | undefined;
  passed: Nanos | undefined;
  hints: readonly ResetHint[];
  /** The two TTLs, if the RST came from elsewhere by its TTL. */
  ttl: string | undefined;
  /** Its sender had already sent more, so the RST counts only if that was lost. */
  isBehind: boolean;
  /** It counts, after one that did not. */
  takesOver: boolean;
  /** The capture lacks the beginning of the connection. */
  isPartial: boolean;
  /** When the server last accepted a connection of this client on the port: asked when the RST is reported. */
  lastTaken: () => Nanos;
  /** What another machine would do (what-if.ts). */
  supposed: LaterWhatIf | undefined;
}

export function resetOf(event: ResetSeen, supposed: LaterWhatIf | undefined): Reset {
  const { flow, tracker, sender, receiver, segment } = event;
  const ends = endsOf(flow);
  const hints = hintsAt(event);
  const { evidence, meaning, isExplained, unseen } = readingOf(event);
  return {
    // Named one by one: after a spread V8 would build a type for each RST (docs/speed.md).
    evidence,
    meaning,
    isExplained,
    unseen,
    class: event.class,
    from: event.from,
    rst: event.packet(),
    ends,
    since: flow.opened,
    before: lastPackets(event),
    idle: idleBefore(event),
    passed: passedBefore(event),
    hints,
    ttl: hints.includes('ttl') ? `TTL ${segment.ttl}, before ${sender.ttl}` : undefined,
    isBehind: isBehind(sender, segment.seq),
    takesOver: event.class === 'repeat' && takesOver(sender, receiver, segment.seq),
    isPartial: !flow.has(FlowBit.CLIENT_KNOWN),
    lastTaken: () => tracker.pairs.answeredAt(ends.pair, ends.clientIsB, ends.serverPort),
    supposed,
  };
}

function lastPackets({ flow, fromB }: ResetSeen): Note[] {
  const notes: Note[] = [];
  for (const isB of [false, true]) {
    const packet = lastPacket(flow, isB);
    const who = isB === fromB ? 'the end that resets' : 'the other end';
    if (packet !== undefined) notes.push({ packet, note: `last packet of ${who}` });
  }
  return notes;
}
