/** Signs that the capture lacks what would explain an RST (docs/rules.md D3). */
import { type End, otherEnd } from '../../../flow/ends.ts';
import type { ResetSeen } from '../../../flow/events.ts';
import type { Side } from '../../../flow/flow.ts';
import { layout } from '../../../flow/layout.ts';
import { isFurther } from '../../../flow/reset-numbers.ts';
import type { ResetClass } from '../../../flow/resets.ts';
import type { Aftermath } from '../../../flow/stories/reset-aftermath.ts';
import { ackedUnseen, notCaptured } from '../../../flow/time-wait.ts';
import { Flag } from '../../../wire/tcp.ts';
import type { Reset } from '../kept-reset.ts';
import type { Sign } from './sign.ts';

const { FlowBit, SideBit } = layout;

/** The other end acknowledged more than was seen of the sender, which may have sent a FIN. Or the RST stands further. */
export function packetsUnseen({ from, sender, receiver, segment }: ResetSeen): Sign | undefined {
  if (!receiver.has(SideBit.SPOKE)) return sender.has(SideBit.SPOKE) ? otherUnseen(from) : undefined;
  if (hasAckedUnseen(sender, receiver)) return sentUnseen(from, `which the ${otherEnd(from)} acknowledges`);
  if (isFurther(sender, segment.seq)) return sentUnseen(from, 'by the number of its RST');
  return hasPassedUnseen(sender) ? sentUnseen(from, 'by its own numbers') : undefined;
}

/** Classes of RSTs that accuse an end, unless that had closed before. */
export const UNLESS_CLOSED: readonly ResetClass[] = ['abort', 'abort-after-peer-fin', 'no-state'];

/**
 * The same, shown by what came after the RST: the other end acknowledges what its sender had sent, which the capture lacks.
 * A FIN that crosses data on its way is answered by nothing before the RST that the data causes. If another sign explains
 * the RST, that remains.
 */
export function unseenAfter(reset: Reset, aftermath: Aftermath | undefined): Reset {
  const { class: kind, from, isExplained, unseen, evidence } = reset;
  const shows = aftermath?.showsUnseen;
  if (shows === undefined || isExplained || unseen !== undefined || !UNLESS_CLOSED.includes(kind)) return reset;
  const { fin_held: _, ...rest } = evidence;
  const isOwn = shows.fromB === reset.rst.fromB;
  const by = isOwn ? 'by the number of a later RST' : `which the ${otherEnd(from)} acknowledges later`;
  return { ...reset, ...sentUnseen(from, by), evidence: rest };
}

/** What the end that resets had sent before may have been its FIN. */
const sentUnseen = (from: End, by: string): Required<Pick<Sign, 'unseen' | 'meaning'>> => ({
  unseen: from,
  meaning: {
    clause: `The ${from} resets, and the capture lacks what it had sent before, ${by}`,
    why: 'perhaps its FIN, after which an RST is no fault',
  },
});

/**
 * What the capture lacks of it lies behind all data that it has of it, so that it may be a FIN, which no data follows. If
 * the missing packets are only out of order, no number is missing by now.
 */
const hasPassedUnseen = (sender: Side): boolean => sender.has(SideBit.AFTER_GAP) && notCaptured(sender) > 0;

/**
 * If nothing else was captured of the sender, and not the other end's SYN either, that may have acknowledged only what
 * came before the capture began.
 */
function hasAckedUnseen(sender: Side, receiver: Side): boolean {
  if (sender.has(SideBit.SPOKE)) return ackedUnseen(sender, receiver);
  return receiver.has(SideBit.SYN) && (receiver.sentFlags & Flag.ACK) !== 0;
}

/** What it answers, or what came before it, was not captured: perhaps a FIN. */
function otherUnseen(from: End): Sign {
  const other = otherEnd(from);
  return {
    unseen: other,
    meaning: {
      clause: `The ${from} resets, and the capture has nothing of the ${other}`,
      why: `perhaps the ${other} had closed, after which an RST is no fault, or had sent what the RST answers`,
    },
  };
}

/**
 * The capture has nothing of the connection but one segment without data, and the answer of a host without a socket
 * (RFC 9293 §3.10.7.1): an RST,ACK with number 0 to a segment without ACK, a bare RST to a lone ACK. Scans send both. A
 * keep-alive probe of a lost connection looks like the latter, but has the connection's timestamps, if it uses them.
 */
export function strayAnswered({ flow, sender, receiver, isBare, segment }: ResetSeen): Sign | undefined {
  const isLone = receiver.packets === 1 && receiver.bytes === 0 && !sender.has(SideBit.SPOKE);
  if (!isLone || flow.has(FlowBit.CLIENT_KNOWN)) return undefined;
  const evidence = { stray: true };
  if (isBare) {
    const isAck = (receiver.sentFlags & (Flag.ACK | Flag.FIN)) === Flag.ACK;
    if (!isAck || receiver.has(SideBit.TS_LATER | SideBit.TS_CUT)) return undefined;
    const meaning = {
      clause: 'A host without such a connection answers a lone ACK',
      why: 'there never was one, perhaps (a port scan), or it was lost before the capture begins',
    };
    return { evidence, meaning };
  }
  if ((receiver.sentFlags & Flag.ACK) !== 0 || segment.seq !== 0) return undefined;
  const meaning = {
    clause: 'A host without such a connection answers a lone segment without ACK, which no connection in use sends',
    why: 'a port scan, perhaps',
  };
  return { evidence, meaning };
}
