/**
 * What a server with tcp_tw_recycle=1 remembers of an address (R of docs/rules.md D1.1): the TSval with which the peer of
 * a TIME_WAIT closed, and the connection that this was.
 */
import { type Nanos, seconds } from '../base/time.ts';
import type { Opened } from '../flow/events.ts';
import { Flow } from '../flow/flow.ts';
import { layout } from '../flow/layout.ts';
import { lastPacket } from '../flow/packet.ts';
import { PAWS_MSL, PairLayout } from '../flow/pairs.ts';
import { Flag } from '../wire/tcp.ts';
import type { Note } from './detector.ts';

const P = PairLayout;
const { FlowBit } = layout;

/** Keys of evidence. */
export type RememberedEvidence = {
  /** The TSval that the per-host check compares the SYN with; absent where the server remembers none. */
  remembered_tsval?: number;
  /** Seconds from when it was sent until the SYN. */
  remembered_age?: number;
};

export interface Remembered {
  evidence: RememberedEvidence;
  /** The segment that carried it, and the last one of the server on that connection. Empty where they are gone. */
  notes: Note[];
}

/** Undefined where the check has nothing to compare the SYN with. */
export function rememberedFor(event: Opened): Remembered | undefined {
  const { tracker, segment, flow, clientIsB } = event;
  const { words, doubles } = tracker.pairs;
  const block = tracker.pairs.direction(flow.pair, clientIsB);
  const at = doubles[(block + P.R_AT) >> 1];
  if (words[block + P.R_FLOW] === 0 || segment.at - at >= PAWS_MSL) return undefined;
  const tsval = words[block + P.R_TS] >>> 0;
  return {
    evidence: { remembered_tsval: tsval, remembered_age: seconds(segment.at - at) },
    notes: notesOf(event, words[block + P.R_FLOW], tsval, at),
  };
}

/** Its record may have gone to another flow since, or its client may have spoken again: then nothing is shown. */
function notesOf({ tracker, segment, flow, clientIsB }: Opened, of: number, tsval: number, at: Nanos): Note[] {
  const base = of < 0 ? tracker.closed.show(~of) : of - 1;
  const closed = new Flow(tracker.table).at(base);
  if (closed.has(FlowBit.FREE) || closed.pair !== flow.pair || closed.epoch !== flow.epoch) return [];
  const packet = lastPacket(closed, clientIsB);
  if (packet === undefined || packet.tsval !== tsval || packet.at !== at) return [];
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
  return notes;
}
