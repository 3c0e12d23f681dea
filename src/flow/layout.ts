/**
 * How a flow lies in memory: one record of 32-bit words, a head and two sides (A and B, by address order, so that
 * both directions find the same record). Doubles take two words and sit on even offsets. The head is one cache line, a
 * side two, what every packet changes first: 320 bytes a flow.
 *
 * Files in the path of every segment take what they need of `layout` into constants of their own: V8 folds what hangs
 * on a module's own constants, but loads an imported binding from its cell at every use, at twice the cost.
 */
const L = {
  HOST_A: 0,
  HOST_B: 1,
  /** Port of A << 16 | port of B. */
  PORTS: 2,
  SCOPE: 3,
  /** Phase, bits and epoch: see Phase and FlowBit. */
  STATE: 4,
  /** Slot of the host pair's record. */
  PAIR: 5,
  /** Number of the story that is being told about this flow, or 0. */
  STORY: 6,
  /** Capture index of the flow's first packet << 16 | SUPPOSED | STEPPED. */
  CAPTURE: 7,
  /** f64: last packet that counts (RSTs after the flow's end do not). */
  LAST: 8,
  /** Slot + 1 of the older incarnation that still matters, or 0. */
  OLDER: 10,
  /** Link of the expiry wheel. */
  NEXT: 11,
  /** f64: silence before the last packet; the RST that ended the flow. */
  GAP: 12,
  RESET_AT: 14,
  SIDE_A: 16,
  /** Offsets within a side: what every packet of it changes. */
  BITS: 0,
  /** Highest sequence number sent, plus one. */
  NXT: 1,
  /** Highest acknowledgement sent: what this side has received up to (its rcv_nxt). */
  ACKED: 2,
  /** Newest TSval sent (the peer's ts_recent) and, as f64, when. */
  TS_RECENT: 3,
  TS_AT: 4,
  /** Last and largest window advertised, in bytes. */
  WINDOW: 6,
  MAX_WINDOW: 7,
  PACKETS: 8,
  /** TTL << 16 | last IPv4 identification. */
  TTL_ID: 9,
  /** f64: payload bytes. */
  BYTES: 10,
  /** The last packet that this side sent, for evidence; the time is f64. */
  SENT_AT: 12,
  SENT_FRAME: 14,
  /** Capture index << 16 | timestamps state << 8 | flags. */
  SENT_FLAGS: 15,
  SENT_SEQ: 16,
  SENT_ACK: 17,
  SENT_TSVAL: 18,
  SENT_TSECR: 19,
  SENT_LENGTH: 20,
  /** What changes a few times per connection. Where no SYN was seen the ISN is what it would be if none of it was missed. */
  ISN: 21,
  /** Sequence number after its FIN. */
  FIN_END: 22,
  /** f32: time from the peer's SYN (or SYN-ACK) to this side's answer, as the capture point saw it; 0 = unknown. */
  RTT: 23,
  /** f64: TIME_WAIT entered; its timer last (re)started. */
  TW_ENTERED: 24,
  TW_START: 26,
  /** Side A only, f64: first packet of the incarnation. */
  FIRST_AT: 28,
  /** TSval of its SYN or SYN-ACK. */
  SYN_TSVAL: 30,
  SIDE_WORDS: 32,
  SIDE_B: 48, // SIDE_A + SIDE_WORDS
  FLOW_WORDS: 80, // SIDE_B + SIDE_WORDS
  OPENED: 44, // SIDE_A + FIRST_AT
  /** Where side A has FIRST_AT, side B has what detect/clocks.ts keeps of the SYN. */
  CLOCK_SAMPLE: 76, // SIDE_B + FIRST_AT
  PHASE_MASK: 0xf,
  /** Epoch (count of clock steps) in the upper half of STATE. */
  EPOCH_SHIFT: 16,
  /** Lowest bit of CAPTURE: the clock has stepped back since the flow's first packet. */
  STEPPED: 1,
  /** Eight bits of CAPTURE above that: what detect/what-if.ts makes of the first SYN. */
  SUPPOSED_SHIFT: 1,
  SUPPOSED_MASK: 0xff << 1,
  /** Window scale in the upper half of a side's BITS. */
  SCALE_SHIFT: 16,
} as const;

/** Low four bits of STATE. */
const Phase = {
  /** A SYN, not answered by anything that belongs to it. */
  SYN_SENT: 1,
  /** SYN and SYN-ACK seen, or two SYNs crossing. */
  SYN_RCVD: 2,
  /** Past the handshake, or joined in the middle; half-closed flows too. */
  OPEN: 3,
  /** Both FINs sent and acknowledged. */
  CLOSED: 4,
  /** Ended by an RST. */
  RESET: 5,
  /** The attempt came to nothing: refused, or given up by the client. */
  REFUSED: 6,
} as const;

const FlowBit = {
  CLIENT_IS_B: 1 << 4,
  /** The SYN was seen, so the client is known; otherwise it is a guess. */
  CLIENT_KNOWN: 1 << 5,
  BEGAN_WITH_SYN_ACK: 1 << 6,
  SIMULTANEOUS_OPEN: 1 << 7,
  /** Found through the index: the newest incarnation of its tuple. */
  INDEXED: 1 << 8,
  /** Kept as the older incarnation of another record. */
  KEPT: 1 << 9,
  IN_WHEEL: 1 << 10,
  FREE: 1 << 11,
  REPEATED_RST: 1 << 12,
  /** Either side has sent a FIN. */
  CLOSING: 1 << 13,
  /** What became of the client's SYN has been told, or is being told by a story. */
  TOLD: 1 << 14,
  /** Segments that PAWS refused without harm have been told. */
  PAWS_TOLD: 1 << 15,
} as const;

/** What one side has done: low half of BITS, but for the last. Upper half: window scale << 16. */
const SideBit = {
  SPOKE: 1 << 0,
  SYN: 1 << 1,
  SYN_ACK: 1 << 2,
  /** Its TIME_WAIT answered after an RST that should have ended it (tcp_rfc1337=1, or the RST was lost): no RST does. */
  TIME_WAIT_OUTLIVES_RST: 1 << 3,
  FIN: 1 << 4,
  /** Its FIN was acknowledged. */
  FIN_ACKED: 1 << 5,
  /** Its first FIN acknowledged the peer's FIN: the passive closer. */
  PASSIVE: 1 << 6,
  FIN_REPEATED: 1 << 7,
  RST: 1 << 8,
  /** Timestamps option on its SYN or SYN-ACK; on any other segment; options of a segment were cut off. */
  TS_ON_SYN: 1 << 9,
  TS_LATER: 1 << 10,
  TS_CUT: 1 << 11,
  TIME_WAIT: 1 << 12,
  TIME_WAIT_OVER: 1 << 13,
  /** Answered a pending SYN with an ACK of something else. */
  OLD_ACK: 1 << 14,
  /** Its IPv4 identifications were not all zero. */
  IP_ID: 1 << 15,
  /** Its SYN asked to join an MPTCP connection. Above the window scale, and above what closed-row.ts has there. */
  JOINS: 1 << 23,
  /** SYN-ACKs with two ISNs took one SYN: packets were captured on both sides of a SYN proxy, numbered as each side does. */
  TWO_NUMBERINGS: 1 << 24,
  /** It has been reported that what this side sent was never acknowledged. */
  UNACKED_TOLD: 1 << 25,
  /** Its SYN came again after the handshake: late, or a SYN proxy asks the server with it. */
  SYN_AFTER_HANDSHAKE: 1 << 26,
} as const;

export const layout = { L, Phase, FlowBit, SideBit } as const;
