/**
 * The memory layout of a flow: a record of 32-bit words with a head and two sides. Sides are called A and B in the order
 * of their addresses, so that both directions find the same record. Doubles (f64) take two words and have even offsets.
 * The head takes one cache line, and each side two; what every packet changes comes first. That is 320 bytes per flow.
 *
 * Files in the path of every segment copy what they need of `layout` into their own constants. V8 folds values that are
 * reached through a module's own constants, but loads an imported binding at every use, which costs twice as much.
 */
const L = {
  HOST_A: 0,
  HOST_B: 1,
  /** Port of A << 16 | port of B. */
  PORTS: 2,
  SCOPE: 3,
  /** Phase (Phase), bits (FlowBit) and epoch. */
  STATE: 4,
  /** Slot of the host pair's record. */
  PAIR: 5,
  /** Number of the flow's stories (open-stories.ts), or 0. */
  STORY: 6,
  /** Capture index of the flow's first packet << 16 | SUPPOSED | STEPPED. */
  CAPTURE: 7,
  /** f64: time of the last packet that counts. RSTs after the flow's end do not. */
  LAST: 8,
  /** Base + 1 of the older incarnation, if that still matters, or 0. */
  OLDER: 10,
  /** The next in a list of the wheel (wheel.ts). */
  NEXT: 11,
  /** f64: silence before the last packet; time of the RST that ended the flow. */
  GAP: 12,
  RESET_AT: 14,
  SIDE_A: 16,
  /** Offsets within a side. First what every packet of the side changes. */
  BITS: 0,
  /** Highest sequence number sent, plus one. */
  NXT: 1,
  /** Highest acknowledgement sent: this side has received everything before it (its rcv_nxt). */
  ACKED: 2,
  /** Newest TSval sent (the peer's ts_recent), and as f64 its time. */
  TS_RECENT: 3,
  TS_AT: 4,
  /** Last and largest window that was advertised, in bytes. */
  WINDOW: 6,
  MAX_WINDOW: 7,
  PACKETS: 8,
  /** TTL << 16 | last IPv4 identification. */
  TTL_ID: 9,
  /** f64: payload bytes. */
  BYTES: 10,
  /** The last packet that this side sent, as evidence; its time is f64. */
  SENT_AT: 12,
  SENT_FRAME: 14,
  /** Capture index << 16 | timestamps state << 8 | flags. */
  SENT_FLAGS: 15,
  SENT_SEQ: 16,
  SENT_ACK: 17,
  SENT_TSVAL: 18,
  SENT_TSECR: 19,
  SENT_LENGTH: 20,
  /** What changes a few times per connection. Without a SYN the ISN is one less than the first number captured. */
  ISN: 21,
  /** The sequence number after its FIN. */
  FIN_END: 22,
  /** f32: time from the peer's SYN or SYN-ACK to this side's answer, at the capture point; 0: unknown. */
  RTT: 23,
  /** f64: when it entered TIME_WAIT, and when the timer of that was last started. */
  TW_ENTERED: 24,
  TW_START: 26,
  /** Side A only, f64: time of the first packet of the incarnation. */
  FIRST_AT: 28,
  /** TSval of its SYN or SYN-ACK. */
  SYN_TSVAL: 30,
  /**
   * f32: RTT, or the shortest time in which this side has answered the peer's newest packet. 0 if RTT is, and once both
   * sides have closed: a row of closed-row.ts has no room for it.
   */
  LEAST_ANSWER: 31,
  SIDE_WORDS: 32,
  SIDE_B: 48, // SIDE_A + SIDE_WORDS
  FLOW_WORDS: 80, // SIDE_B + SIDE_WORDS
  OPENED: 44, // SIDE_A + FIRST_AT
  /** In the place of FIRST_AT, side B has the slot + 1 of what detect/clocks/clocks.ts keeps of the SYN. */
  CLOCK_SAMPLE: 76, // SIDE_B + FIRST_AT
  PHASE_MASK: 0xf,
  /** The upper half of STATE is the epoch, a count of clock steps. */
  EPOCH_SHIFT: 16,
  /** Lowest bit of CAPTURE: the clock has stepped back since the flow's first packet. */
  STEPPED: 1,
  /** The eight bits of CAPTURE above that: the verdict of detect/what-if/what-if.ts on the first SYN. */
  SUPPOSED_SHIFT: 1,
  SUPPOSED_MASK: 0xff << 1,
  /** The window scale is in the upper half of a side's BITS. */
  SCALE_SHIFT: 16,
  SCALE_MASK: 0xf << 16,
  /** Of a side's BITS: 0 in a record. */
  ROW_BITS: 7 << 20,
} as const;

/** The low four bits of STATE. */
const Phase = {
  /** A SYN, and no answer that belongs to it. */
  SYN_SENT: 1,
  /** SYN and SYN-ACK, or two SYNs that cross. */
  SYN_RCVD: 2,
  /** After the handshake, or joined in the middle; also half-closed. */
  OPEN: 3,
  /** Both FINs were sent and acknowledged. */
  CLOSED: 4,
  /** Ended by an RST. */
  RESET: 5,
  /** The attempt failed: it was refused, or the client reset it. */
  REFUSED: 6,
} as const;

const FlowBit = {
  CLIENT_IS_B: 1 << 4,
  /** The SYN was captured, so the client is known; otherwise it is a guess. */
  CLIENT_KNOWN: 1 << 5,
  BEGAN_WITH_SYN_ACK: 1 << 6,
  SIMULTANEOUS_OPEN: 1 << 7,
  /** In the index: the newest incarnation of its tuple. */
  INDEXED: 1 << 8,
  /** Kept as the older incarnation to which another record refers. */
  KEPT: 1 << 9,
  IN_WHEEL: 1 << 10,
  FREE: 1 << 11,
  REPEATED_RST: 1 << 12,
  /** Either side has sent a FIN. */
  CLOSING: 1 << 13,
  /** What became of the client's SYN has been reported, or its story will report it. */
  TOLD: 1 << 14,
  /** Segments that PAWS refused without harm have been reported. */
  PAWS_TOLD: 1 << 15,
} as const;

/**
 * What one side has done: bits of BITS. Bits 16 to 19 hold the window scale, and closed-row.ts needs 20 to 22 in its rows
 * (ROW_BITS). So two bits are left, 30 and 31.
 */
const SideBit = {
  SPOKE: 1 << 0,
  SYN: 1 << 1,
  SYN_ACK: 1 << 2,
  /**
   * Its TIME_WAIT answered after an RST that should have ended it (tcp_rfc1337=1, or the RST was lost). From then on no
   * RST counts as its end.
   */
  TIME_WAIT_OUTLIVES_RST: 1 << 3,
  FIN: 1 << 4,
  /** Its FIN was acknowledged. */
  FIN_ACKED: 1 << 5,
  /** Its first FIN acknowledged the peer's FIN: the passive closer. */
  PASSIVE: 1 << 6,
  FIN_REPEATED: 1 << 7,
  RST: 1 << 8,
  /** Timestamps option on its SYN or SYN-ACK; on another segment; options of a segment were cut off in the capture. */
  TS_ON_SYN: 1 << 9,
  TS_LATER: 1 << 10,
  TS_CUT: 1 << 11,
  TIME_WAIT: 1 << 12,
  TIME_WAIT_OVER: 1 << 13,
  /** It answered a pending SYN with an ACK that does not acknowledge it. */
  OLD_ACK: 1 << 14,
  /** At least one of its IPv4 identifications was not zero. */
  IP_ID: 1 << 15,
  /** Its SYN asked to join an MPTCP connection. */
  JOINS: 1 << 23,
  /** SYN-ACKs with two ISNs accepted one SYN: both sides of a SYN proxy were captured, and each has its own numbers. */
  TWO_NUMBERINGS: 1 << 24,
  /** It has been reported that what this side sent was never acknowledged. */
  UNACKED_TOLD: 1 << 25,
  /** Its SYN came again after the handshake: late, or sent by a SYN proxy to the server. */
  SYN_AFTER_HANDSHAKE: 1 << 26,
  /** SYN-ACKs with two ISNs acknowledge one SYN, and another sign shows two senders (second-answer.ts). */
  TWO_ANSWERS: 1 << 27,
  /** Its window was closed before its last packet opened it, or left it so. */
  WAS_SHUT: 1 << 28,
  /** Its numbers advanced last by a packet with neither data nor FIN, so right before that the capture lacks something. */
  AFTER_GAP: 1 << 29,
} as const;

export const layout = { L, Phase, FlowBit, SideBit } as const;
