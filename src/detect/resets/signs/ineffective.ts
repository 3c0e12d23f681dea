/** Signs of an RST that its receiver ignores (docs/rules.md B4, D3). */
import { otherEnd } from '../../../flow/ends.ts';
import type { ResetSeen } from '../../../flow/events.ts';
import { layout } from '../../../flow/layout.ts';
import { acknowledgedBefore, echoesOlder } from '../../../flow/resets.ts';
import type { Sign } from './sign.ts';

const { Phase, SideBit } = layout;

/** It answers the SYN, and echoes a TSval from before the SYN (docs/rules.md B4). */
export function foreignEcho({ flow, receiver, segment }: ResetSeen): Sign | undefined {
  if (flow.phase !== Phase.SYN_SENT || !echoesOlder(receiver, segment)) return undefined;
  return {
    evidence: { foreign_echo: true },
    meaning: {
      clause: 'An RST that answers the SYN echoes a TSval older than the SYN',
      why: 'Linux ignores such a refusal',
    },
  };
}

/**
 * The numbers are not guessed. A bare RST is at a number that the other end had acknowledged, so it answers that
 * segment; an RST,ACK acknowledges exactly what the other end had sent.
 */
export function connectionKnown({ from, sender, receiver, segment, isBare }: ResetSeen): Sign | undefined {
  if (!sender.has(SideBit.SPOKE) || !receiver.has(SideBit.SPOKE)) return undefined;
  const other = otherEnd(from);
  if (isBare) {
    if (!acknowledgedBefore(sender, receiver, segment.seq)) return undefined;
    const meaning = {
      clause: `An RST outside the ${other}'s window, which its receiver should ignore`,
      why: `it answers an earlier segment of the ${other}, likely`,
    };
    return { evidence: { knows_connection: true }, meaning };
  }
  if (segment.ack !== receiver.nxt) return undefined;
  const meaning = {
    clause: `An RST outside the ${other}'s window, which its receiver should ignore, acknowledges exactly what the ${other} had sent`,
    why: 'its sender knows the connection',
  };
  return { evidence: { knows_connection: true }, meaning };
}
