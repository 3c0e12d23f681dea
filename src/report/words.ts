/** Numbers, time spans and codes as people read them. */

export const thousands = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',');

/** For example `1 flow`, `2,000 flows`. */
export const counted = (n: number, noun: string): string => `${thousands(n)} ${noun}${n === 1 ? '' : 's'}`;

/** Most names that a sentence lists. One more is listed rather than counted. */
const NAMED = 3;

/** For example `a, b, c and 1,234 more`. */
export const firstOf = (names: readonly string[]): string =>
  names.length <= NAMED + 1
    ? names.join(', ')
    : `${names.slice(0, NAMED).join(', ')} and ${thousands(names.length - NAMED)} more`;

export const percent = (part: number, whole: number): string =>
  whole === 0 ? '0 %' : `${((100 * part) / whole).toFixed(1)} %`;

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function bytes(n: number): string {
  let unit = 0;
  let size = n;
  for (; size >= 1024 && unit < UNITS.length - 1; unit++) size /= 1024;
  return unit === 0 ? `${n} bytes` : `${size.toFixed(1)} ${UNITS[unit]}`;
}

/** A span of nanoseconds in the unit that fits: `12.345 ms`, `59.900 s`, `2 h 5 min`. */
export function span(ns: bigint): string {
  const s = Number(ns) / 1e9;
  if (s < 1) return `${(s * 1e3).toFixed(3)} ms`;
  if (s < 120) return `${s.toFixed(3)} s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 120) return `${minutes} min ${Math.floor(s % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Address and port, with IPv6 addresses in brackets as in a URL: `[2001:db8::1]:443`. */
export const endpoint = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

interface FourTuple {
  client: string;
  client_port: number;
  server: string;
  server_port: number;
}

/** For example `192.0.2.10:40000 → 198.51.100.80:80`. */
export const connection = ({ client, client_port, server, server_port }: FourTuple): string =>
  `${endpoint(client, client_port)} → ${endpoint(server, server_port)}`;

export { sourceText } from '../base/errors.ts';

const LINK_TYPES: Readonly<Record<number, string>> = {
  0: 'NULL',
  1: 'Ethernet',
  9: 'PPP',
  12: 'raw IP',
  14: 'raw IP',
  50: 'PPP',
  51: 'PPPoE',
  101: 'raw IP',
  105: '802.11',
  108: 'LOOP',
  113: 'Linux SLL',
  127: 'radiotap',
  228: 'raw IPv4',
  229: 'raw IPv6',
  276: 'Linux SLL2',
};

export const linkType = (code: number): string => LINK_TYPES[code] ?? `link type ${code}`;

const SKIP_REASONS: Readonly<Record<string, string>> = {
  'not-ip': 'not IP',
  'not-tcp': 'IP but not TCP',
  fragment: 'later fragments',
  'cut-short': 'cut short by the snap length',
  'bad-header': 'with an impossible header',
  'icmp-quoted': 'TCP quoted in ICMP errors',
  'unsupported-link-type': 'of an unsupported link type',
  filtered: 'left out by the filter',
};

export const skipReason = (reason: string): string => SKIP_REASONS[reason] ?? reason;

/** What each of the three confidence values claims. */
const EVIDENCE = {
  proof: 'proved by its packets',
  strong: 'strong evidence, not proof',
  weak: 'weak evidence',
} as const;

/** Words with which titles go on from what was seen to what may explain it. */
const GUESS = /\b(?:likely|perhaps|may|might|or|unless)\b/;

/** What the confidence of a finding claims. A proof is of what was seen: it does not reach what its title guesses. */
export const evidenceText = ({ confidence, title }: { confidence: keyof typeof EVIDENCE; title: string }): string =>
  confidence === 'proof' && GUESS.test(title) ? 'proved except for the explanation' : EVIDENCE[confidence];
