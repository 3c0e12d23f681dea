/** What the titles of unanswered-syn say of each cause (docs/rules.md D2.3, F13). */
import { duration } from '../../base/time.ts';
import type { UnheardSynAck } from '../../flow/stories/unheard-syn-ack.ts';
import type { Also, Cause, Guess, OldAckSender, Reaction, Why } from './cause.ts';
import type { Burden } from './syn-burdens.ts';
import { inWords } from './syn-marks.ts';

/** `isLocal`: both ends are one host, so nothing is lost on a path. */
export function causeText({ name, seen, why, also }: Cause, isLocal: boolean): string {
  const sentence = SENTENCES[why.is] as Sentence<Why>; // TypeScript does not see that the key is that of `why`
  const words = typeof sentence === 'string' ? sentence : sentence(why, isLocal);
  const all = also === undefined ? words : words + alsoText(also);
  return name === 'unknown' && seen === undefined ? `unknown (${all})` : all;
}

type Sentence<W extends Why> = string | ((why: W, isLocal: boolean) => string);

const SENTENCES: { readonly [K in Why['is']]: Sentence<Extract<Why, { is: K }>> } = {
  'answer-missing':
    'the client goes on as if answered, and this capture does show the server: the SYN-ACK is missing from it, or ' +
    'recorded later, and perhaps others are, too',
  'answer-elsewhere': ({ lacksOldAck }, isLocal) =>
    lacksOldAck
      ? 'an ACK of an older connection answered first, as the RST of the client shows, and then the client goes on as if ' +
        `accepted, so that ACK and the SYN-ACK ${isLocal ? 'are missing from the capture' : 'likely passed elsewhere'}`
      : `the client goes on as if answered, so the answer ${isLocal ? 'is missing from the capture' : 'likely passed elsewhere'}`,
  'server-elsewhere':
    'up to then the capture shows no packet of this server to this client, though the client goes on with other connections',

  'foreign-syn-ack': ({ echoes }) =>
    `a SYN-ACK came back that acknowledges another number (neither a TIME_WAIT nor an open connection sends one): ${foreignSender(echoes)}`,
  'syn-not-captured':
    'a SYN-ACK came back that acknowledges another number: it echoes a later TSval than that of the SYN, and so answers one ' +
    'that this capture lacks, most likely',
  'older-attempt':
    'an older attempt (no TIME_WAIT), for whose handshake the server still waits: it answers for that one, see port-reuse',
  'refused-at-last': ({ first }) =>
    `nothing listens there, most likely, or a firewall rejects, as the last SYN was refused; ${first === 'old-ack' ? 'an ACK of the old connection on this tuple' : 'an ACK that does not acknowledge it'} answered before`,
  'reset-not-received':
    'the old connection, not a TIME_WAIT: the RST that this capture shows did not reach the server or did not count there, ' +
    'which still waits for the handshake or has the socket open',
  'open-connection':
    'the old connection, which the server still has open (no TIME_WAIT): it answers for that one, see port-reuse',
  'foreign-ack': ({ isTupleUsed, reaction }) =>
    'an ACK came back that does not acknowledge it, mostly that of an older connection on this tuple, in TIME_WAIT or still ' +
    `open: ${
      isTupleUsed
        ? 'not the last one, so one before that, or one of another machine behind the address'
        : 'this capture does not show it'
    }${reactionText(reaction)}`,
  'old-ack': ({ by, isMissing, reaction }) =>
    OLD_ACK_SENDERS[by] +
    (isMissing ? '; the RST of the client shows that ACK, which this capture lacks or has out of order' : '') +
    reactionText(reaction),

  'late-answer': (_, isLocal) =>
    `the server had that SYN, as its SYN-ACK echoes it, so no full queue dropped it: ${
      isLocal
        ? 'a local firewall dropped its first SYN-ACK, the capture missed it, or the host was slow'
        : "its first SYN-ACK was lost before this point, or path and server take longer than the client's timer"
    }`,
  'per-host-paws': ({ severalServers, oneClock }) =>
    `${severalServers ? 'a rule like that' : 'the rule'} of tcp_tw_recycle, which drops just these SYNs` +
    `${oneClock ? '' : ', or whatever else tells the hosts of this address apart'}: see recycle-signature`,

  'full-queue':
    'a full accept queue, of which other connections to this port show signs at the time, or a path that drops what ' +
    'clients send',
  'ack-limit': ({ sinceAck }) =>
    `the TIME_WAIT of the old connection on this tuple, which answered another segment ${duration(sinceAck)} ` +
    'before: Linux lets it answer once in 0.5 s',
  'number-only':
    'a TIME_WAIT of this tuple, perhaps, as others were accepted meanwhile: Linux would accept the newer timestamp, ' +
    'but BSDs look at the sequence number alone, which is lower, and drop such SYNs in silence',
  'silent-time-wait':
    'a TIME_WAIT of this tuple, most likely, as others were accepted meanwhile: a server that drops such SYNs in ' +
    'silence (BSD), or a firewall that eats the ACK',
  'held-back':
    'no SYN was lost: by their timestamps they were sent one after the other, and something on the way, such as the ' +
    'look-up of an address, held them back',
  'syn-cookies':
    'full queues at the server, most likely: it answers with SYN cookies, as Linux does when its queue of half-open ' +
    'connections is full, and drops SYNs while its accept queue is full as well',
  'one-lost':
    'lost on the way, or dropped as the accept queue of the server was full for a moment: others were accepted on this port ' +
    'meanwhile',
  'waiting-connection': ({ waiting }, isLocal) =>
    `a full accept queue, perhaps: the connection taken before it got no answer in ` +
    `${duration(waiting.until - waiting.opened)} (${isLocal ? 'a local firewall' : 'an outage'} looks the same)`,
  unknown: ({ othersAccepted, isServerSeen, guesses }, isLocal) =>
    (isLocal ? localWords(othersAccepted) : isServerSeen ? pathWords(othersAccepted) : NEVER_SEEN) +
    guesses.map(guess => GUESSES[guess]).join(''),

  'syn-differs': ({ differs }) =>
    `something drops the SYNs that differ from the answered ones in ${inWords(differs)}, or a rule like that of ` +
    'tcp_tw_recycle does: see recycle-signature',
  'syn-changed': ({ burdens, times }) =>
    `something on the way drops SYNs with ${namesOf(burdens)}, most likely: ${onlyWithout(times)}`,
  'first-or-changed': ({ burdens, times }) =>
    `something on the way drops SYNs with ${namesOf(burdens)}, or the first SYN of each connection, as protection from ` +
    `floods does, most likely: ${onlyWithout(times)}; no first SYN was sent without them, and answered, that would tell which`,
  // Forged senders send no SYN again, so such devices drop the first one.
  'first-syn': ({ burdens }) =>
    'something on the way drops the first SYN of each connection, most likely, as protection from floods does: those ' +
    `without ${namesOf(burdens)} got no answer either until they were sent again`,
  'tuple-held': ({ tuples: { usedLate, used, freshLate, fresh } }) =>
    'a balancer or firewall on the way that still holds the old connection of this tuple, most likely: the first SYN got ' +
    `no answer in ${usedLate} of ${used} attempts on tuples that were used before, and in ${freshLate} of ${fresh} others`,

  'syn-acks-missing': (_, isLocal) =>
    `${isLocal ? 'a capture' : 'a path'} that loses packets, as SYN-ACKs are missing that the timer of the server sends, or a full accept queue`,
  'client-silent': (_, isLocal) =>
    `the client sent no data: TCP_DEFER_ACCEPT waits for some, or ${isLocal ? 'a local firewall dropped its ACK' : "the client's ACK was lost"}, or the accept queue is full`,
  'ack-and-data-lost': (_, isLocal) =>
    `${isLocal ? "a local firewall dropped the client's ACK and data" : "the client's ACK and data were lost on the way"}, or the accept queue was full for a moment`,
  'queue-or-losses': (_, isLocal) =>
    `a full accept queue at the server, perhaps, or ${isLocal ? 'a local firewall' : 'three packets of the client that were lost in a row'}`,
  'queue-had-ack':
    "a full accept queue at the server, which has had the client's ACK: its SYN-ACK echoes a later TSval than the SYN's",
  'others-taken': (_, isLocal) =>
    `${dropper(isLocal)} what the client sends after its SYN, or a full accept queue, against which speaks that others were ` +
    'taken on this port meanwhile',
  'queue-or-path': (_, isLocal) =>
    `a full accept queue at the server, or ${dropper(isLocal)} what the client sends after its SYN${isLocal ? '' : ', such as a firewall that missed the SYN-ACK'}`,
};

function foreignSender(echoes: 'older-syn' | 'this-syn' | undefined): string {
  const device = 'a device that tests clients (SYN cookies, protection from floods) or a SYN proxy';
  switch (echoes) {
    case undefined:
      return `${device} does, or it answers another SYN`;
    case 'older-syn':
      return 'it echoes an older TSval than that of the SYN, and so answers an earlier one, most likely';
    case 'this-syn':
      return `it echoes this SYN, and so is of ${device}, most likely`;
  }
}

const OLD_ACK_SENDERS: Readonly<Record<OldAckSender, string>> = {
  'time-wait': 'the TIME_WAIT of the old connection on this tuple answered with its ACK',
  'overdue-time-wait':
    'the old connection on this tuple answered with its ACK, in TIME_WAIT, most likely, though by the clock of the capture that should be over, see port-reuse',
  'time-wait-without-fin':
    'the TIME_WAIT of the old connection on this tuple answered with its ACK, which covers a FIN that this capture lacks',
  'time-wait-or-fin-wait2':
    'the old connection on this tuple answered with its ACK, in TIME_WAIT or FIN_WAIT2: this capture shows one FIN',
  'time-wait-or-open-after-rst':
    'the old connection on this tuple answered with its ACK, in TIME_WAIT or still open, though this capture shows its RST',
  'time-wait-or-open':
    'the old connection on this tuple answered with its ACK, in TIME_WAIT or still open: this capture lacks its close',
};

function reactionText(reaction: Reaction): string {
  switch (reaction) {
    case undefined:
      return '';
    case 'rst-in-vain':
      return "; the client's RST does not end it: tcp_rfc1337=1, or the RST is lost on the way";
    case 'none':
      return '; the client resets none of them: they do not reach it';
  }
}

const GUESSES: Readonly<Record<Guess, string>> = {
  signature: '; or the server expects another TCP MD5 or AO key, or none, and drops SYNs that do not fit',
  option:
    '; or something drops SYNs with an unusual option, such as MPTCP or Fast Open, as only the answered one has none',
  recycle: '; a server with tcp_tw_recycle=1 would drop it, but that is not proved',
};

const namesOf = (burdens: readonly Burden[]): string => burdens.map(({ name }) => name).join(' or ');

const onlyWithout = (times: number): string =>
  `in ${times} attempts only the SYN sent again without these was answered, and in the whole capture none of those that had them`;

const dropper = (isLocal: boolean): string => (isLocal ? 'a local firewall that drops' : 'a path that drops');

function alsoText(also: Also): string {
  return also.is === 'burden'
    ? `; or something on the way drops SYNs with ${namesOf(also.burdens)}, as the answered one has none`
    : `; or a balancer or firewall on the way still holds the old connection of this tuple, of ${duration(also.age)} before`;
}

/** Possible causes within one host. Packets show none of them. */
const localWords = (othersAccepted: boolean): string =>
  'on loopback there is no path to lose it on: a full accept or SYN queue, a local firewall, or an answer that the ' +
  `capture missed${othersAccepted ? '; the server takes others on this port meanwhile' : ''}`;

const pathWords = (othersAccepted: boolean): string =>
  othersAccepted
    ? 'lost on the way, dropped by a firewall, or by the server for a full accept queue, though it takes others on this port meanwhile'
    : 'lost on the way, dropped by a firewall, or a full queue or load at the server';

const NEVER_SEEN =
  'up to then the capture shows no packet of this server to this client: dead, filtered, or answering by another way';

/** For a SYN that was sent once. */
export const loneCauseText = (isLocal: boolean): string =>
  `unknown (${isLocal ? localWords(false) : 'lost on the way, dropped by a firewall, or by the server for a full queue'})`;

/** For a SYN-ACK to which only the SYN comes back, or nothing (`noAck`). */
export function unheardCauseText({ synAcks, repeated, completed }: UnheardSynAck, noAck: boolean, isLocal: boolean) {
  if (isLocal) return noAck ? NO_ACK_ON_HOST : NOT_HEARD_ON_HOST;
  if (noAck) {
    return completed
      ? 'the SYN-ACKs, or what the client sent after its SYN, were lost or dropped between here and the client'
      : 'the SYN-ACKs, or the ACKs to them, are lost or dropped between here and the client, other connections of which come through, or the client is gone';
  }
  if (repeated.length === 0) return 'SYN-ACKs, or the ACK to them, were lost between here and the client';
  if (completed) return 'a SYN-ACK passed here and was lost on the way to the client';
  const what = synAcks === 1 ? 'the SYN-ACK' : `${synAcks} SYN-ACKs`;
  return `${what} passed here, and none came through to the client: lost, filtered, sent another way than it came, or refused by the client itself`;
}

const NO_ACK_ON_HOST =
  'on one host there is no path to lose an ACK on: a local firewall, rp_filter, or ACKs that the capture missed';

const NOT_HEARD_ON_HOST =
  'the SYN-ACK was sent and did not come through to the client on the same host, where there is no path to lose it on: a ' +
  'local firewall, or rp_filter';
