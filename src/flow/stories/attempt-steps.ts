/** The steps of what becomes of a SYN: docs/detectors/port-reuse.md joins them to an outcome. */

/** What came back to the SYN, or followed. */
export type Step =
  | 'accepted'
  | 'accepted:tw-isn'
  | 'challenge-ack'
  | 'challenge-ack:unseen'
  | 'challenge-ack:foreign'
  | 'syn-ack:old'
  | 'syn-ack:foreign'
  | 'rst'
  | 'refused';

/** The step of an ACK that was not captured: the client's RST names its number. */
export const UNSEEN_ACK = 'challenge-ack:unseen';
/** The step of a SYN-ACK that continues the numbers of a TIME_WAIT. */
export const TIME_WAIT_ISN = 'accepted:tw-isn';

/** An answer that does not acknowledge the SYN: the step of the outcome, and what is noted of the packet. */
export const OLD_ACKS = {
  ack: {
    expected: { step: 'challenge-ack', note: 'ACK of the old connection' },
    foreign: { step: 'challenge-ack:foreign', note: 'ACK that belongs to neither connection' },
  },
  synAck: {
    expected: { step: 'syn-ack:old', note: 'SYN-ACK of the old connection, again' },
    foreign: { step: 'syn-ack:foreign', note: 'SYN-ACK that acknowledges another number than that of the SYN' },
  },
} as const;
