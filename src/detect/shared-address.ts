/**
 * What the clocks of one address say about the number of hosts behind it (docs/rules.md D1.4): bounds, never a number.
 */
import type { Ends } from '../flow/ends.ts';
import type { Packet } from '../flow/packet.ts';
import type { ClockSample } from './clocks/clock-sample.ts';
import type { ClockVerdict } from './clocks/clock-verdict.ts';
import type { Clocked } from './clocks/clocks.ts';
import type { Detector, Note } from './detector.ts';

type Told = 'interleaved' | 'per-connection' | 'restart';

export type SharedAddressEvidence = {
  /** Bounds on the number of hosts; null if the packets give none. */
  hosts_low: number;
  hosts_high: number | null;
  regime: Told;
  /** Clock lines, the connections on them, and all connections of the address. */
  lines: number;
  flows: number;
  flows_seen: number;
  /** Ticks per second. */
  hz?: number;
  /** Other evidence for several hosts. */
  reasons: readonly string[];
};

const NOTHING = 'so the clocks tell nothing about the number of hosts';

const TITLE: Readonly<Record<Told, (verdict: ClockVerdict) => string>> = {
  interleaved: ({ hostsLow, lineCount, confidence }) =>
    `${confidence === 'weak' ? 'Perhaps at' : 'At'} least ${hostsLow} hosts share this address: its connections take turns on ${lineCount} TSval clocks`,
  'per-connection': verdict =>
    `Every ${verdict.lineCount < verdict.flows ? 'tuple' : 'connection'} has a TSval clock of its own, ${NOTHING}${other(verdict)}`,
  restart: verdict =>
    `The TSval clock was left for another and never came back (a restart, or the address went to another host), ` +
    `${NOTHING}${other(verdict)}`,
};

const other = ({ hostsLow, reasons, confidence }: ClockVerdict): string => {
  if (hostsLow === 1) return '';
  const one = confidence === 'weak' ? ', or one whose application sets both for each socket' : '';
  return `; but ${reasons[0]}: at least ${hostsLow} hosts${one}`;
};

/** The note for each connection of the proof, in order. */
const NOTES: Readonly<Record<Told, (index: number) => string>> = {
  interleaved: index => ['SYN on one clock', 'SYN on another clock', 'SYN on the first clock again'][index],
  'per-connection': index => (index === 0 ? 'SYN' : 'SYN, on another clock'),
  restart: index => (index === 0 ? 'last SYN before, on the old clock' : 'SYN on a new clock'),
};

export const sharedAddress: Detector<'shared-address'> = {
  meta: {
    id: 'shared-address',
    title: 'Clocks behind one address',
    why:
      'TSvals of one host advance on one line. Where the connections of an address take turns on several lines, several ' +
      'hosts share it, and whatever a server remembers of the address (tcp_tw_recycle, rate limits, blocks) it remembers ' +
      'of all of them. Where every connection has a line of its own, one modern host may do that alone.',
    fix:
      'Nothing is wrong with sharing an address. If some connections of it fail, tell the hosts apart at the NAT ' +
      '(`conntrack -L -p tcp`), and keep servers from comparing timestamps between connections.',
    doNot:
      'Do not read hosts_low as the number of hosts, nor many clocks as many hosts: Linux from 6.18.17, FreeBSD and macOS give ' +
      'every connection a clock of its own. Do not switch tcp_timestamps off.',
    references: [
      'Linux secure_tcp_ts_off (4.11 to 6.14), secure_tcp_seq_and_ts_off (6.18.19)',
      'E. Bursztein, Time has something to tell us about network address translation (2007)',
      'RFC 7323 §5.4 (timestamp clock)',
    ],
  },
  create: (report, { clocks }) => {
    const tell = (): void => {
      for (const clocked of clocks.verdicts()) {
        const { verdict, seen } = clocked;
        const { regime, hz } = verdict;
        if (regime === 'single' || regime === 'none') continue;
        const packets = notes(clocked, regime);
        report({
          rule: 'shared-address',
          severity: 'info',
          confidence: verdict.confidence,
          title: TITLE[regime](verdict),
          raised: packets.at(-1)!.packet,
          ends: endsOfLast(clocked),
          evidence: {
            hosts_low: verdict.hostsLow,
            hosts_high: verdict.hostsHigh,
            regime,
            lines: verdict.lineCount,
            flows: verdict.flows,
            flows_seen: seen,
            ...(hz === undefined ? {} : { hz }),
            reasons: verdict.reasons,
          },
          packets,
        });
      }
    };
    return { glance: tell, finish: tell };
  },
};

const notes = ({ verdict: { proof, hostsLow }, ends }: Clocked, regime: Told): Note[] =>
  proof.map((sample, i) => ({
    packet: packetOf(sample, ends),
    note: `${hostsLow > 1 && regime !== 'interleaved' ? 'SYN' : NOTES[regime](i)}, from port ${sample.clientPort}`,
  }));

/** The finding has the ports of the connection that raised it. */
function endsOfLast({ ends, verdict: { proof } }: Clocked): Ends {
  const { clientPort, serverPort } = proof.at(-1)!;
  return { ...ends, clientPort, serverPort };
}

const packetOf = (sample: ClockSample, { clientIsB }: Ends): Packet => ({
  capture: sample.capture,
  frame: sample.frame,
  at: sample.at,
  fromB: clientIsB,
  flags: sample.flags,
  seq: sample.isn >>> 0,
  ack: 0,
  tsval: sample.tsval >>> 0,
  tsecr: sample.tsecr >>> 0,
  length: sample.length,
});
