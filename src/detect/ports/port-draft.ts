/** The finding of port-exhaustion for a verdict on the ports of a client (docs/rules.md D4). */
import { duration, seconds } from '../../base/time.ts';
import type { Draft, Note } from '../detector.ts';
import type { Severity } from '../finding.ts';
import type { PortUse } from './port-use.ts';
import { FULL, NEARLY_FULL, type PortVerdict } from './port-verdict.ts';
import { secondOf } from './port-window.ts';

export function draftOf(use: PortUse, verdict: PortVerdict): Draft {
  const { ports, signs, inUse, inUseHigh, timeToExhaustion, source, exhausted, steady } = verdict;
  const seconds = [...use.examples.keys()];
  const [first, atPeak] = [seconds[0], seconds.findLast(second => second <= verdict.at) ?? seconds[0]].map(
    second => use.examples.get(second)!,
  );
  const raised = atPeak!;
  return {
    rule: 'port-exhaustion',
    severity: severityOf(use, verdict),
    // The ports in use are seen; the range is mostly assumed.
    confidence: (exhausted && !steady) || source === 'given' ? 'strong' : 'weak',
    title: titleOf(use, verdict),
    raised: raised.packet,
    ends: { ...use.ends!, clientPort: raised.clientPort },
    evidence: {
      in_use: inUse,
      ...(inUseHigh > inUse ? { in_use_high: inUseHigh } : {}),
      ...(ports === undefined ? {} : { capacity: ports }),
      capacity_from: source,
      rate: round(verdict.rate),
      ...(verdict.limit === undefined ? {} : { rate_limit: round(verdict.limit) }),
      ...(timeToExhaustion === undefined ? {} : { time_to_exhaustion: round(timeToExhaustion) }),
      signs,
      ...(verdict.serverHeld > 0 ? { server_time_waits: verdict.serverHeld } : {}),
      ...(use.ages.takeovers > 0 ? { takeovers: use.ages.takeovers } : {}),
      ...(steady ? { steady } : {}),
    },
    packets: notesOf(use, verdict, first!.packet, raised.packet),
  };
}

const round = (n: number): number => Math.round(n * 1000) / 1000;

function notesOf(
  { ages, turned }: PortUse,
  { inUse, signs }: PortVerdict,
  first: Note['packet'],
  peak: Note['packet'],
) {
  const notes: Note[] = [{ packet: peak, note: `SYN in the second in which ${thousands(inUse)} ports are in use` }];
  if (secondOf(first.at) !== secondOf(peak.at))
    notes.push({ packet: first, note: 'SYN, first of those counted by the second' });
  if (turned !== undefined && signs.includes('odd-ports'))
    notes.push({ packet: turned.packet, note: 'SYN from a port of the other parity: the first half is used up' });
  if (ages.example !== undefined && signs.includes('pile-up-after-2msl')) {
    const { close, syn } = ages.example;
    notes.push({ packet: close, note: 'last packet of a connection that the client closed first' });
    notes.push({ packet: syn, note: `SYN from the same port, ${seconds(syn.at - close.at).toFixed(2)} s later` });
  }
  return notes;
}

function titleOf(use: PortUse, verdict: PortVerdict): string {
  const { ages, low, high } = use;
  const { inUse, ports, limit, rate, exhausted, steady, signs, source } = verdict;
  if (ports === undefined) {
    return (
      `${thousands(inUse)} ports (${low} to ${high}) of one address towards this server port were in use or in ` +
      'TIME_WAIT at once: no known range, perhaps that of a NAT, so how many are left is unknown'
    );
  }
  const share = `${thousands(inUse)} of ${thousands(ports)} ports towards this server port were in use or in TIME_WAIT`;
  if (source === 'observed') {
    const all = `All ${ports} ports that the client uses towards this server port were in use or in TIME_WAIT, and it`;
    if (steady)
      return (
        `${all} uses each again after nearly the same time, ${duration(ages.least)} at the soonest: ` +
        'its range is used up and connect() fails meanwhile, or each port belongs to a program that connects by a timer'
      );
    return ages.takeovers === 0
      ? `${all} uses none again before its TIME_WAIT is over: its range is likely used up, and connect() fails meanwhile`
      : `${all} takes each over ${duration(ages.least)} after its close at the soonest: its range is likely used up, ` +
          'and it goes on only because of tcp_tw_reuse';
  }
  if (exhausted) {
    const why = signs.includes('pile-up-after-2msl')
      ? 'each is used again only when its TIME_WAIT is over'
      : `new connections come as fast as ports come back, ${perSecond(limit!)}`;
    return `The client has likely run out of ports: ${share}, and ${why}`;
  }
  const reuse = ages.takeovers > 0 ? `; tcp_tw_reuse lets it take them over after ${duration(ages.least)}` : '';
  if (inUse >= FULL * ports)
    return `${share}: nearly full${reuse}. Whether connect() failed on the client no packet shows`;
  const pace = `${perSecond(rate)} closed by the client where ${perSecond(limit!)} can last`;
  return `${share} (${Math.floor((100 * inUse) / ports)} %), with ${pace}${reuse}`;
}

const thousands = (n: number): string => n.toString().replace(/\B(?=(\d{3})+$)/g, ',');
const perSecond = (n: number): string => `${n.toFixed(n < 100 ? 1 : 0)} a second`;

function severityOf(use: PortUse, verdict: PortVerdict): Severity {
  const { inUse, ports, exhausted, steady, source } = verdict;
  const { ages } = use;
  if (ports === undefined) return 'info';
  if (steady) return 'notice';
  if (source === 'observed') return 'warning'; // the client gets on, and its range is inferred
  const share = inUse / ports;
  // A client that takes over ports in TIME_WAIT has not lost them.
  const getsOn = ages.takeovers > 0 && !exhausted;
  if ((share >= FULL || exhausted) && !getsOn) return 'critical';
  return share >= NEARLY_FULL ? 'warning' : 'notice';
}
