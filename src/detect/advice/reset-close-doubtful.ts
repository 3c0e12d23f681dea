/**
 * Advice on RSTs with a doubtful sender: those that a device on the path may have sent in the name of an end, and those
 * that answer packets which an end sent after such an RST.
 */

import { isInUse, UNASKED } from '../resets/known-timers.ts';
import { ENDS_CONNECTION, mayBeHost, type ResetHint } from '../resets/reset-hints.ts';
import type { Check, EvidenceIn, Row } from './advice.ts';
import { bothSides, captureDrops, firewallRules, keepAlives } from './checks.ts';

type Reset = EvidenceIn<'reset-close'>;

/** A database of another version may have no hints. */
export const hinted = ({ hints = [] }: Partial<Reset>, hint: ResetHint): boolean => hints.includes(hint);

/** How long the connection was silent, unless TSvals deny that (docs/rules.md D0.8). */
export const silence = ({ idle, passed }: Pick<Reset, 'idle' | 'passed'>): number | undefined =>
  passed === undefined ? idle : undefined;

/** Whether that was long enough for an idle timer. */
export const wasSilent = (e: Reset): boolean => !isInUse(silence(e) ?? 0);

/** Whether an open, silent connection was reset. */
const expires = (e: Reset): boolean => UNASKED.has(e.class) && wasSilent(e);

/**
 * Each of them may be due to chance (docs/rules.md D3). Missing timestamps alone are no sign: some systems put none on
 * any RST.
 */
const SIGNS = ['ttl', 'ip-id', 'stepped-seq', 'faster-than-rtt'] as const;
const hasSign = (e: Reset): boolean => SIGNS.some(sign => hinted(e, sign));

export const outRsts: Check = {
  where: 'the {from}',
  command: 'nstat -az TcpOutRsts TcpEstabResets',
  expect: 'TcpOutRsts does not grow with these RSTs: this host did not send them.',
};

export const rstOnBothSides: Check = {
  where: 'both sides of each device between them, at once',
  command: "tcpdump -ni IFACE -v 'tcp[tcpflags] & tcp-rst != 0 and host {other_address}'",
  expect: 'An RST that leaves a device and never entered it was made there. -v shows its TTL and IP id.',
};

export const conntrackIdle: Check = {
  where: 'the NAT or firewall between them (Linux)',
  command: 'sysctl net.netfilter.nf_conntrack_tcp_timeout_established; conntrack -S',
  expect:
    'The timeout is shorter than the silence before the RST: the entry had expired. Or insert_failed, drop or ' +
    'early_drop grow: entries are pushed out.',
};

/** Undefined if nothing casts doubt on the end whose address the RST carries. */
export function doubtOf(e: Reset) {
  if (hinted(e, 'middlebox-likely')) {
    if (expires(e)) return 'expired-on-path';
    return mayBeHost(e.bare === true, e.hints) ? 'middlebox-or-host' : 'middlebox';
  }
  if (ENDS_CONNECTION.has(e.class) && hasSign(e)) return 'one-sign';
  if (e.answers_resetter === true) return 'answers-resetter';
  if (e.unseen === undefined) return undefined;
  if (e.class === 'client-abort-syn') return 'server-unseen';
  if (e.class === 'handshake-abort') return 'use-unseen';
  return e.unseen === e.from ? 'packets-unseen' : 'other-unseen';
}

export const doubtfulResets = {
  'expired-on-path': {
    meaning:
      'The RST carries the address of the {from}, but the {from} did not send it, most likely: it went on, or the form ' +
      'speaks against it. The connection had been silent for {idle}: a NAT, balancer or firewall in between may have ' +
      'forgotten it by then, and answered in its place, or rejects it by a rule.',
    checks: [rstOnBothSides, conntrackIdle, firewallRules, outRsts],
    change: [keepAlives],
    doNot: 'Do not blame the {from} for it.',
    askNext: 'The NAT, load-balancer or firewall team on the path between {client} and {server}: its idle timeout.',
  },
  middlebox: {
    meaning:
      'The RST carries the address of the {from}, but its form or what followed speaks against it: a firewall, IPS, ' +
      'balancer or NAT in between sent it, most likely: by a rule that rejects, or because it lost the connection. The ' +
      'hints say why the {from} is not taken for its sender.',
    checks: [rstOnBothSides, firewallRules, outRsts],
    change: [
      {
        what: 'In the device whose rule fires: let the connection pass, or correct what the rule objects to.',
        risk: 'Depends on what the rule protects: ask before it is taken out.',
      },
    ],
    doNot: 'Do not blame the {from} for it.',
    askNext:
      'The firewall, IPS or load-balancer team on the path between {client} and {server}; the {from} comes last.',
  },
  'middlebox-or-host': {
    meaning:
      'The RST carries the address of the {from}, and the {from} went on as if it had sent none: something else sent it, most ' +
      'likely. Either another host that has the address, too, and got what the {other} had sent: a virtual IP that moved, a ' +
      'balancer or router that chose another one. Or a firewall, IPS or NAT in between, which rejects or had lost the connection.',
    checks: [rstOnBothSides, firewallRules, outRsts],
    doNot: 'Do not blame the {from} for it.',
    askNext:
      'The teams for load balancers and firewalls between {client} and {server}: what changed just then? The {from} comes last.',
  },
  'one-sign': {
    meaning:
      'One thing about the RST does not fit the {from}, whose address it carries (see the hints). That may be chance; or a ' +
      'firewall, balancer or NAT in between sent it, and then nothing that the {from} does explains it. Find out which, ' +
      'before anybody looks into an application.',
    checks: [rstOnBothSides, outRsts, firewallRules],
    askNext:
      'If a device on the path made the RST: the firewall or load-balancer team. Otherwise: the owner of the {from}.',
  },
  'answers-resetter': {
    meaning:
      'An RST in the name of the {other} had ended the connection for the {from}, and the {other} went on as if it ' +
      'had sent none: the {from} answers that. The question is who sent the first RST, not this one.',
    checks: [rstOnBothSides, firewallRules],
    askNext: 'The firewall, IPS or load-balancer team on the path between {client} and {server}, about the first RST.',
  },
  'server-unseen': {
    meaning:
      'The client resets after its SYN. This capture has no packet of the server: it gave none, and the client gave up; ' +
      'or the server did answer by a way that was not captured, with an ACK of an older connection for instance, and the ' +
      'client resets that.',
    checks: [bothSides],
    askNext: 'Whoever runs the capture: where both directions pass.',
  },
  'other-unseen': {
    meaning:
      'The capture has no packet of the {other} on this connection. If the {other} had closed, the RST of the {from} is no ' +
      'fault; if it sent data that nobody read, or nothing, the {from} ended an open connection.',
    checks: [bothSides],
    askNext: 'Whoever runs the capture: where both directions pass.',
  },
  'use-unseen': {
    meaning:
      'A server repeats its SYN-ACK until it is acknowledged, and this one did not. So the handshake was completed, and this ' +
      'capture has nothing of the connection until the RST. If that is bare, what the {other} had sent may have found no socket ' +
      'any more.',
    checks: [captureDrops],
    askNext:
      'Whoever runs the capture: whether it dropped packets, or a filter left them out, as one of SYNs and RSTs does.',
  },
  'packets-unseen': {
    meaning:
      'The {from} had sent more than this capture has of it, by what the {other} acknowledges or by the numbers of the ' +
      '{from}: packets are missing. A bare RST that answers nothing new of the capture shows it, too, most likely. ' +
      'If one was its FIN, the {from} had closed in order, and its RST only answers what came after: no fault. ' +
      'If it was data, it reset an open connection.',
    checks: [captureDrops],
    askNext:
      'Whoever runs the capture: whether it dropped packets, or a filter left them out, as one of SYNs and RSTs does.',
  },
} as const satisfies Readonly<Record<string, Row>>;
