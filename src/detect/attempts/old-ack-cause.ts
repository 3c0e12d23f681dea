/** Why a SYN was answered by something that does not acknowledge it (docs/rules.md D2.3). */
import { s32 } from '../../base/serial.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import { withAnswer } from '../reuse/tuple-reuse.ts';
import type { Cause, Circumstances } from './syn-cause.ts';

/** An answer came back that does not acknowledge the SYN: mostly an ACK of the old connection (B3). */
export function oldAck(attempt: Attempt, found: Circumstances): Cause | undefined {
  const { steps, oldAcks, outlived, fromMiniSocket, lacksOldAck } = attempt;
  if (oldAcks === 0) return undefined;
  const reuse = found.reuse && withAnswer(found.reuse, attempt);
  if (steps[0] === 'syn-ack:foreign') return foreignSynAck(attempt);
  const expected = steps[0] === 'challenge-ack' || lacksOldAck;
  if (steps[0] === 'syn-ack:old' || (expected && reuse?.class === 'syn-sent')) {
    return {
      name: 'unknown',
      confidence: 'strong',
      words:
        'an older attempt, not a TIME_WAIT: the server answers for that, as it still waits for its handshake, see port-reuse',
      seen: 'old-attempt',
    };
  }
  if (steps.at(-1) === 'refused') {
    const first = expected ? 'an ACK of the old connection on this tuple' : 'an ACK that does not acknowledge it';
    return {
      name: 'unknown',
      confidence: 'strong',
      words: `nothing listens there, most likely, or a firewall rejects, as the last SYN was refused; ${first} answered before`,
      seen: 'refused',
    };
  }
  if (expected && reuse?.class === 'after-rst' && reuse.receiverOpen === true) {
    return {
      name: 'unknown',
      confidence: 'strong',
      words:
        'the old connection, not a TIME_WAIT: the RST that this capture shows did not reach the server or did not count there, ' +
        'which still waits for the handshake or has the socket open',
      seen: 'old-connection',
    };
  }
  if (expected && !fromMiniSocket && (reuse?.class === 'open' || reuse?.class === 'half-closed')) {
    return {
      name: 'unknown',
      confidence: 'strong',
      words:
        'the old connection, not a TIME_WAIT: the server answers for that, as it still has it open, see port-reuse',
      seen: 'old-connection',
    };
  }
  const held = reuse?.owner === 'server' || reuse?.owner === 'both';
  const words =
    whose() +
    (lacksOldAck ? '; the RST of the client shows that ACK, which this capture lacks or has out of order' : '') +
    variation();
  if (!expected) return { name: 'time-wait', confidence: 'weak', words, seen: 'foreign-ack' };
  // As in port-reuse: the answer does not prove what stood in the place of the FIN, nor which clock is right. One that was
  // not captured proves nothing.
  const isProved = reuse?.lacksFin !== true && reuse?.passed === undefined && !lacksOldAck;
  return { name: 'time-wait', confidence: held ? (isProved ? 'proof' : 'strong') : 'weak', words };

  function whose(): string {
    if (!expected) {
      const which =
        reuse === undefined
          ? 'this capture does not show it'
          : 'not the last one, so one before that, or one of another machine behind the address';
      return `an ACK came back that does not acknowledge it: a device may send that to test clients, but mostly an older connection on this tuple does, in TIME_WAIT or still open: ${which}`;
    }
    if (reuse?.passed !== undefined)
      return 'the old connection on this tuple answered with its ACK, in TIME_WAIT, most likely, though by the clock of the capture that should be over, see port-reuse';
    if (reuse?.lacksFin === true && held)
      return 'the TIME_WAIT of the old connection on this tuple answered with its ACK, which covers a FIN that this capture lacks';
    if (reuse?.class === 'half-closed')
      return 'the old connection on this tuple answered with its ACK, in TIME_WAIT or FIN_WAIT2: this capture shows one FIN';
    if (reuse?.class === 'after-rst')
      return 'the old connection on this tuple answered with its ACK, in TIME_WAIT or still open, though this capture shows its RST';
    if (reuse?.class === 'unknown-close' && !fromMiniSocket)
      return 'the old connection on this tuple answered with its ACK, in TIME_WAIT or still open: this capture lacks its close';
    return 'the TIME_WAIT of the old connection on this tuple answered with its ACK';
  }

  function variation(): string {
    if (outlived !== undefined)
      return "; the client's RST does not end it: tcp_rfc1337=1, or the RST is lost on the way";
    const unheard = oldAcks > 1 && steps[1] !== 'rst';
    return unheard ? '; the client resets none of them: they do not reach it' : '';
  }
}

/**
 * A SYN-ACK that acknowledges another number than the SYN's is of no older connection, as neither TIME_WAIT nor an open one
 * sends a SYN-ACK (docs/rules.md D2.3). Its TSecr may tell which SYN it answers.
 */
function foreignSynAck({ syn, oldAnswer }: Attempt): Cause {
  const answer = oldAnswer?.packet;
  const ahead = syn.tsval === null || !answer?.tsecr ? undefined : s32(answer.tsecr, syn.tsval);
  const device = 'a device that tests clients (SYN cookies, protection from floods) or a SYN proxy';
  const sender =
    ahead === undefined
      ? `${device} does, or it answers another SYN`
      : ahead < 0
        ? 'it echoes an older TSval than that of the SYN, and so answers an earlier one, most likely'
        : `it echoes this SYN, and so is of ${device}, most likely`;
  const words = `a SYN-ACK came back that acknowledges another number (neither a TIME_WAIT nor an open connection sends one): ${sender}`;
  return { name: 'unknown', confidence: 'strong', words, seen: 'foreign-syn-ack' };
}
