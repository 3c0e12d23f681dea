/** Packets for reading tests: what is in them hardly matters, when they were captured and how long they are does. */
import type { Packet } from '../build/packet.ts';

export const CLIENT = '192.0.2.10';
export const SERVER = '198.51.100.80';

export const SYN: Packet = { t: 0, src: CLIENT, sport: 40000, dst: SERVER, dport: 80, flags: 'S', seq: 1000 };
export const SYN_TEXT = '192.0.2.10:40000 > 198.51.100.80:80 S';
export const SYN6: Packet = { ...SYN, src: '2001:db8::10', dst: '2001:db8::80' };
export const SYN6_TEXT = '[2001:db8::10]:40000 > [2001:db8::80]:80 S';

/** Data packets at these seconds. */
export const packetsAt = (...times: readonly number[]): Packet[] =>
  times.map((t, i) => ({ ...SYN, t, flags: 'PA', seq: 1001 + i * 10, ack: 1, payload: 10, ipId: i + 1 }));

/** `count` packets, one each millisecond, with `payload` bytes each. */
export const stream = (count: number, payload = 10): Packet[] =>
  packetsAt(...Array.from({ length: count }, (_, i) => i / 1000)).map(p => ({ ...p, payload }));
