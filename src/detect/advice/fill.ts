/** Inserts a finding's addresses and figures into the texts of the advice. */
import { duration, rfc3339, SECOND } from '../../base/time.ts';
import type { Evidence, Subject } from './advice.ts';

const TOKEN = /\{([a-z_0-9]+)\}/g;
/** Evidence keys with seconds; other numbers are written as they are. */
const SPANS: ReadonlySet<string> = new Set([
  'delay',
  'idle',
  'heard_after',
  'lasted',
  'age',
  'gap',
  'time_to_exhaustion',
  'fin_wait2',
  'close_known',
]);

/** In nanoseconds. The times are widened by this, because the clocks of hosts differ. */
const MINUTE = 60_000_000_000n;

/**
 * ss needs brackets around an IPv6 address. libpcap's `tcp[…]` works for IPv4 only; in IPv6 the flags are at byte 40 +
 * 13.
 */
const SS_ADDRESS = /\{(client|server|from_address|other_address)\}/g;
const TCP_FLAGS = /tcp\[tcpflags\] & (\S+) != 0/g;

/** Unknown values are named: an address as `SERVER`, a figure in words. */
export function filler(subject: Subject): (text: string) => string {
  const { client, server, evidence } = subject;
  const isByServer = evidence.from === 'server';
  const ends = {
    client: client ?? 'CLIENT',
    client_port: String(subject.client_port ?? 'CLIENT_PORT'),
    server: server ?? 'SERVER',
    server_port: String(subject.server_port ?? 'SERVER_PORT'),
  };
  const words: Record<string, string> = {
    ...ends,
    from: isByServer ? 'server' : 'client',
    other: isByServer ? 'client' : 'server',
    from_address: isByServer ? ends.server : ends.client,
    from_port: isByServer ? ends.server_port : ends.client_port,
    other_address: isByServer ? ends.client : ends.server,
    since: journalTime(subject.first_ns, -MINUTE) ?? 'SINCE',
    until: journalTime(subject.last_ns, MINUTE) ?? 'UNTIL',
    differs: listed(evidence.differs) || 'something',
    reasons: listed(evidence.reasons) || 'the evidence names them',
    ...sentences(evidence),
    owner: evidence.owner === 'client' ? 'client' : evidence.owner === 'server' ? 'server' : 'end that closed first',
  };
  const figure = (name: string): string => {
    const value = evidence[name];
    // The TSvals of a host deny what the clock of the capture says (docs/rules.md D0.8).
    if (name === 'idle' && typeof evidence.passed === 'number') return `at most ${duration(evidence.passed * SECOND)}`;
    if (typeof value !== 'number') return 'some';
    return SPANS.has(name) ? duration(value * SECOND) : String(value);
  };
  const isIpv6 = client?.includes(':') === true;
  return text => {
    const written = isIpv6 && text.startsWith('ss ') ? text.replace(SS_ADDRESS, '[$&]') : text;
    const filled = written.replace(TOKEN, (_, name: string) => words[name] ?? figure(name));
    return isIpv6 ? filled.replace(TCP_FLAGS, ipv6Flags) : filled;
  };
}

const listed = (value: unknown): string => (Array.isArray(value) ? value.join(', ') : '');

/** Sentences that hold for some findings of a row; empty for the others. */
const sentences = (evidence: Evidence): Record<string, string> => ({
  several_servers:
    evidence.several_servers === true
      ? ' Or several servers share the address, and each remembers only its own connections.'
      : '',
  syn_proxy: evidence.syn_proxy === true ? ' The answer looks like that of a SYN proxy.' : '',
  reasons_in_vain:
    listed(evidence.reasons) === ''
      ? ''
      : ' Nor do initial TTLs that take turns: an application may set them (IP_TTL).',
});

/** As `journalctl --since` understands it on any machine, whatever its time zone. */
const journalTime = (at: bigint | undefined, later: bigint): string | undefined =>
  at === undefined
    ? undefined
    : `${rfc3339(at + later)
        .slice(0, 19)
        .replace('T', ' ')} UTC`;

const ipv6Flags = (_: string, flags: string): string =>
  `ip6[53] & ${(flags.includes('rst') ? 4 : 0) | (flags.includes('syn') ? 2 : 0)} != 0`;
