/**
 * What a server with tcp_tw_recycle=1 remembers of an address (R of docs/rules.md D1.1): the last TSval of the peer of
 * a TIME_WAIT, and the connection that it belonged to.
 */
import { type Nanos, seconds } from '../../base/time.ts';
import type { Opened } from '../../flow/events.ts';
import { Flow } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import { lastPacket, type Packet } from '../../flow/packet.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import { PAWS_MSL, PairLayout } from '../../flow/tables/pairs.ts';
import { Flag } from '../../wire/tcp.ts';
import type { Note } from '../detector.ts';
import { isOneClock, type Tick } from './tick.ts';

const P = PairLayout;
const { FlowBit } = layout;

/** Keys of evidence. */
export type RememberedEvidence = {
  /** The TSval that the per-host check compares the SYN with; absent if the server remembers none. */
  remembered_tsval?: number;
  /** Seconds from its packet to the SYN. */
  remembered_age?: number;
};

export interface Remembered {
  evidence: RememberedEvidence;
  /**
   * The segment that carried it, and the last one of the server on that connection. Empty if they are no longer known.
   */
  notes: Note[];
  /** The server's clock on that connection: several servers may share one address. */
  serverClock: Tick | undefined;
}

/**
 * Whether the host that accepts the attempt is the one that remembers: its SYN-ACK is on the clock of that connection,
 * or of the TIME_WAIT that answered before.
 */
export function isByWhoRemembers(remembered: Remembered | undefined, attempt: Attempt): boolean {
  const { accepting, oldAnswer, steps } = attempt;
  const synAck = stampOf(accepting?.packet);
  const oldAck = steps[0] === 'challenge-ack' ? stampOf(oldAnswer?.packet) : undefined;
  return synAck !== undefined && [remembered?.serverClock, oldAck].some(clock => clock && isOneClock(clock, synAck));
}

const stampOf = (packet: Packet | undefined): Tick | undefined =>
  packet?.tsval == null ? undefined : { at: packet.at, tsval: packet.tsval };

/** Undefined if the check has nothing to compare the SYN with. */
export function rememberedFor(event: Opened): Remembered | undefined {
  const { tracker, segment, flow, clientIsB } = event;
  const { words, doubles } = tracker.pairs;
  const block = tracker.pairs.direction(flow.pair, clientIsB);
  const at = doubles[(block + P.R_AT) >> 1];
  if (words[block + P.R_FLOW] === 0 || segment.at - at >= PAWS_MSL) return undefined;
  const tsval = words[block + P.R_TS] >>> 0;
  return {
    evidence: { remembered_tsval: tsval, remembered_age: seconds(segment.at - at) },
    ...shownOf(event, words[block + P.R_FLOW], tsval, at),
  };
}

type Shown = Pick<Remembered, 'notes' | 'serverClock'>;
const NOTHING: Shown = { notes: [], serverClock: undefined };

/** The flow's record may have been reused since, or its client may have sent more. Then there is nothing to show. */
function shownOf({ tracker, segment, flow, clientIsB }: Opened, of: number, tsval: number, at: Nanos): Shown {
  const base = of < 0 ? tracker.closed.show(~of) : of - 1;
  const closed = new Flow(tracker.table).at(base);
  if (closed.has(FlowBit.FREE) || closed.pair !== flow.pair || closed.epoch !== flow.epoch) return NOTHING;
  const packet = lastPacket(closed, clientIsB);
  if (packet === undefined || packet.tsval !== tsval || packet.at !== at) return NOTHING;
  const what = (packet.flags & Flag.FIN) === 0 ? 'last segment' : 'FIN';
  const fromPort = closed.port(clientIsB);
  const toPort = closed.port(!clientIsB);
  const isSameTuple = fromPort === flow.port(clientIsB) && toPort === flow.port(!clientIsB);
  const to = toPort === flow.port(!clientIsB) ? '' : ` to ${toPort}`;
  const which = isSameTuple ? 'the older connection of this tuple' : `the connection from port ${fromPort}${to}`;
  const answer = lastPacket(closed, !clientIsB);
  const notes = [{ packet, note: `${what} of ${which}: tcp_tw_recycle=1 remembers its TSval` }];
  if (answer !== undefined && answer.at >= packet.at && answer.at < segment.at) {
    notes.push({ packet: answer, note: 'last packet there of the server, which closed first and holds TIME_WAIT' });
  }
  return { notes, serverClock: stampOf(answer) };
}
