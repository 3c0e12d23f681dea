/**
 * What the packets before an RST say about it beyond its class (docs/rules.md D3). A sign is one function: it decides
 * whether it applies, what it adds to the evidence, and what the finding then says. This file has their precedence.
 */
import type { End } from '../../flow/ends.ts';
import type { ResetSeen } from '../../flow/events.ts';
import { RESET_CLASSES, type ResetClass } from '../../flow/resets.ts';
import type { ResetCloseEvidence } from '../reset-close.ts';
import { type Meaning, meaningOf } from './reset-words.ts';
import { answersOld } from './signs/answers-old.ts';
import { dataLost, finWait2Over } from './signs/closed.ts';
import { challengeAnswered, resetterAnswered, takenAtLast } from './signs/earlier-reset.ts';
import { finHeld } from './signs/fin-held.ts';
import { sentInVain, windowShut } from './signs/gave-up.ts';
import {
  answersUnseen,
  answerUnknown,
  echoRefused,
  longAfterSynAck,
  ofJoin,
  refusesUnseen,
  serverUnseen,
  twoAnswers,
} from './signs/handshake.ts';
import { connectionKnown, foreignEcho } from './signs/ineffective.ts';
import { noData, receivedNothing, sentNothing, unusedByClient, unusedSubflow } from './signs/nothing-sent.ts';
import type { SignOf } from './signs/sign.ts';
import { toItself } from './signs/to-itself.ts';
import { packetsUnseen, strayAnswered, UNLESS_CLOSED } from './signs/unseen.ts';
import { answersLost, probesUnanswered, readTimeout } from './signs/waited-in-vain.ts';

/**
 * The signs, each with the classes that it can explain. All that apply add to the evidence. The first of them that has a
 * sentence gives the title; if none has, the class does. Within a class most signs exclude each other. Where two may
 * apply, the one that leaves less open stands first.
 */
const SIGNS: readonly (readonly [sign: SignOf, of: readonly ResetClass[]])[] = [
  // The RST is not of this connection, so its class, found by the numbers of this one, says nothing.
  [refusesUnseen, RESET_CLASSES],

  // What the SYN asked for, and what answered it, explains how the handshake ended.
  [ofJoin, ['refused', 'handshake-abort']], // a server refuses a join at once, or resets it after its handshake
  [twoAnswers, ['handshake-abort', 'no-state']], // the machine that resets never had the connection: soon, or at its data
  [longAfterSynAck, ['handshake-abort']],
  [answersUnseen, ['client-abort-syn']],
  [serverUnseen, ['client-abort-syn']],
  [echoRefused, ['answer-to-old-ack']],
  [answerUnknown, ['answer-to-old-ack']],
  [foreignEcho, ['ineffective']], // a refusal but for its TSecr

  // Nothing is lost, whatever else applies. The client resets by a socket, or as a scanner without one.
  [unusedSubflow, ['abort', 'no-state']],
  [unusedByClient, ['abort', 'no-state']],

  // An RST came before. Mostly this one is then bare: the answer of a host without the connection.
  [challengeAnswered, ['abort-after-peer-fin', 'no-state']],
  [takenAtLast, ['repeat']],
  [resetterAnswered, ['no-state', 'repeat']], // after new data the flow counts as open again, otherwise as reset

  // Its sender waited for an answer, which is why its socket gives up now (answersLost: or gave up before).
  [probesUnanswered, ['abort', 'abort-after-peer-fin']],
  [answersLost, ['abort', 'no-state']],
  [readTimeout, ['abort']],

  // The capture lacks what may explain it. These classes are warnings, so they would accuse somebody.
  [packetsUnseen, UNLESS_CLOSED],
  [strayAnswered, UNLESS_CLOSED],
  [answersOld, ['abort-after-peer-fin', 'no-state']],

  // A socket that has closed may have no chance to say so yet.
  [finHeld, ['no-state']],

  // A socket that gives up sending says nothing, and answers what comes later as a host without the connection. Packets
  // that the capture lacks might have acknowledged what it had sent.
  [sentInVain, ['no-state']],
  [windowShut, ['no-state']],

  // An end has sent nothing: this rules out reasons, and names one at most. Probes of such an end say more.
  [noData, ['abort']],
  [sentNothing, ['abort', 'abort-after-peer-fin', 'handshake-abort']],
  [receivedNothing, ['abort', 'abort-after-peer-fin']],

  // Its sender had closed, and an RST after that is no fault, unless it shows a loss.
  [dataLost, ['after-own-fin']],
  [finWait2Over, ['after-own-fin']],

  // It has no effect, and its number shows whether it was guessed.
  [connectionKnown, ['ineffective']],
];

const signsOf = new Map<ResetClass, readonly SignOf[]>(
  RESET_CLASSES.map(kind => [kind, SIGNS.filter(([, of]) => of.includes(kind)).map(([sign]) => sign)]),
);

/** All signs of an RST together. */
export interface Reading {
  evidence: Partial<ResetCloseEvidence>;
  meaning: Meaning;
  /** By a sign beyond its class, and not only by what no packet shows. */
  isExplained: boolean;
  unseen: End | undefined;
}

/** Must be called when the RST is seen: its flow changes afterwards. */
export function readingOf(event: ResetSeen): Reading {
  const self = toItself(event);
  const signs = self !== undefined ? [self] : signsOf.get(event.class)!.flatMap(sign => sign(event) ?? []);
  return {
    evidence: Object.assign({}, ...signs.map(({ evidence }) => evidence)),
    meaning: signs.find(({ meaning }) => meaning !== undefined)?.meaning ?? meaningOf(event),
    isExplained: signs.some(({ meaning, evidence }) => meaning !== undefined && !evidence?.fin_held),
    unseen: signs.find(({ unseen }) => unseen !== undefined)?.unseen,
  };
}
