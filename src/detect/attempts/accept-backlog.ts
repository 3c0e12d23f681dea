/**
 * A full accept queue can show itself by silence alone: while it is full, Linux drops SYNs, and it repeats a SYN-ACK
 * only for a handshake during which the queue filled up (docs/rules.md F13). The sign used here is the connection that
 * the server accepted last before the SYNs: its handshake is complete, the kernel has acknowledged its request, and the
 * application has not answered yet.
 */
import { s32 } from '../../base/serial.ts';
import type { Nanos } from '../../base/time.ts';
import type { Opened } from '../../flow/events.ts';
import { Flow } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import { lastPacket, type Packet } from '../../flow/packet.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import type { Tracker } from '../../flow/tracker.ts';
import { remarksOf } from './remarks.ts';

const { Phase, FlowBit, SideBit } = layout;

/** A connection that waits for the application while the SYNs of an attempt go unanswered. */
export interface Waiting {
  /** The last packet of its client: the request. */
  request: Packet;
  opened: Nanos;
  /** Retransmitted SYNs during which it still waited, and when the last of them was sent. */
  syns: number;
  until: Nanos;
}

export class AcceptBacklog {
  private cursor: Flow | undefined;

  /** Notes the connection that still waits when a SYN is sent again. */
  repeated(event: Opened): void {
    const { tracker, flow, clientIsB, segment } = event;
    const attempt = event.attempt();
    const last = this.answeredLast(flow, clientIsB, tracker);
    if (last === undefined || last.opened >= attempt.since || !waits(last)) return;
    const request = lastPacket(last, clientIsB);
    if (request === undefined) return;
    const known = remarksOf(attempt).waiting;
    if (known === undefined) {
      remarksOf(attempt).waiting = { request, opened: last.opened, syns: 1, until: segment.at };
    } else if (known.opened === last.opened) {
      known.syns++;
      known.until = segment.at;
    }
  }

  /** The connection that was still waiting at every unanswered SYN of the attempt. */
  of(attempt: Attempt): Waiting | undefined {
    const found = remarksOf(attempt).waiting;
    const unanswered = attempt.answered ? attempt.syns - 1 : attempt.syns;
    return found !== undefined && found.syns >= unanswered - 1 ? found : undefined;
  }

  /** The connection to the same server port that was answered last. */
  private answeredLast(flow: Flow, clientIsB: boolean, tracker: Tracker): Flow | undefined {
    const base = tracker.pairs.answeredFlow(flow.pair, clientIsB);
    if (base < 0) return undefined;
    this.cursor ??= new Flow(tracker.table);
    const last = this.cursor.at(base);
    const isSame = !last.has(FlowBit.FREE) && last.pair === flow.pair && last.epoch === flow.epoch;
    return isSame && last.has(FlowBit.CLIENT_IS_B) === clientIsB && last.port(!clientIsB) === flow.port(!clientIsB)
      ? last
      : undefined;
  }
}

function waits(flow: Flow): boolean {
  const { client, server } = flow;
  // The record may have been reused since, by a flow that the capture joined in the middle: that was not answered last.
  if (!client.has(SideBit.SYN) || !server.has(SideBit.SYN_ACK)) return false;
  const silent = server.bytes === 0 && !server.has(SideBit.FIN);
  return flow.phase === Phase.OPEN && silent && client.bytes > 0 && s32(server.acked, client.isn) > 1;
}
