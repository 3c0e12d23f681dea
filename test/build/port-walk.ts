/**
 * A client that opens connections to one server port, with ports chosen as by Linux: first those with the parity of the
 * range's first port, from a random one on, then the others (docs/rules.md B8). A port in TIME_WAIT becomes free when
 * the timer wheel fires, every 2.048 s. When no port is free, no packet is sent.
 */
import { Conversation } from './conversation.ts';
import type { Packet } from './packet.ts';

const WHEEL = 2.048;

export interface PortWalk {
  range: readonly [low: number, high: number];
  /** Attempts a second, from `at` for `seconds`. */
  rate: number;
  seconds: number;
  at?: number;
  closes?: 'client' | 'server' | 'never';
  client?: string;
  server?: string;
  /** Length of TIME_WAIT in seconds. */
  timeWait?: number;
  /** Chooses any free port, like other systems and NATs. */
  anyParity?: boolean;
}

export interface Walked {
  packets: Packet[];
  opened: number;
  /** Number of attempts for which no port was free. */
  failed: number;
}

export function walkPorts(walk: PortWalk): Walked {
  const { range, rate, seconds, at = 0, closes = 'client', anyParity = false, timeWait = 60 } = walk;
  const [low, high] = range;
  const ports = Array.from({ length: high - low + 1 }, (_, i) => low + i);
  const order = anyParity ? ports : [...ports.filter((_, i) => i % 2 === 0), ...ports.filter((_, i) => i % 2 === 1)];
  const freeAt = new Map<number, number>();
  const packets: Packet[] = [];
  const result = { packets, opened: 0, failed: 0 };
  for (let i = 0; i < rate * seconds; i++) {
    const now = at + i / rate;
    const port = order.find(p => (freeAt.get(p) ?? -1) <= now);
    if (port === undefined) {
      result.failed++;
      continue;
    }
    result.opened++;
    const { client = '192.0.2.10', server = '198.51.100.80' } = walk;
    const c = new Conversation({
      client: `${client}:${port}`,
      server: `${server}:80`,
      at: now,
      rtt: 0.001,
    }).handshake();
    if (closes === 'client') c.clientCloses();
    else if (closes === 'server') c.serverCloses();
    packets.push(...c.packets);
    const over = Math.ceil((c.now + timeWait) / WHEEL) * WHEEL;
    freeAt.set(port, closes === 'client' ? over : closes === 'server' ? c.now : Number.POSITIVE_INFINITY);
  }
  packets.sort((a, b) => a.t - b.t);
  return result;
}
