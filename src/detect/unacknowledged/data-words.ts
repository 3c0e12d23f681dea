/** What `unanswered-data` says: what was sent again, and what that likely means (docs/rules.md D8). */
import { duration, type Nanos, SECOND } from '../../base/time.ts';
import { type End, otherEnd } from '../../flow/ends.ts';
import type { Carries, Unacknowledged } from '../../flow/stories/unacknowledged.ts';
import { isFirst, untriedSize } from './untried-size.ts';

const WHAT: Readonly<Record<Carries, (bytes: number) => string>> = {
  data: bytes => `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`,
  fin: () => 'The FIN',
  'keep-alive': () => 'The keep-alive probe',
  'window-probe': () => 'The probe of a closed window',
};

export function symptomOf(story: Unacknowledged, from: End): string {
  const { carries, bytes, here, transmissions } = story;
  const { again, afterAck, from: since, span, isInParts } = transmissions;
  const other = otherEnd(from);
  const [verb, them] = carries === 'data' && bytes !== 1 ? ['were', 'them'] : ['was', 'it'];
  const lasted = duration(span);
  const what =
    carries === 'data' && isInParts
      ? `Parts of ${bytes} bytes of the ${from} were sent again ${again} times in ${lasted}`
      : `${WHAT[carries](bytes)} of the ${from} ${verb} sent ${again + 1} times in ${lasted}`;
  switch (story.class) {
    case 'recovered':
      return `${what} until the ${other} answered, ${duration(here.answer!.at - since)} after the first`;
    case 'answers-lost':
      return `${what}, ${afterAck} of them after the ${other} had acknowledged ${them}`;
    case 'not-acknowledged':
      return `${what} and not acknowledged, although other packets of the ${other} arrive on this connection`;
    default:
      return `${what} and never ${here.ignored === undefined ? 'answered' : 'acknowledged'}${before(story, other)}`;
  }
}

/** A shorter silence is normal within a connection. */
const PAUSE: Nanos = 3 * SECOND;

function before(story: Unacknowledged, other: End): string {
  const { idle, here } = story;
  if (here.hasClosed) return `, after the ${other} had sent its FIN`;
  if (isFirst(story)) return `: the ${other} has acknowledged nothing but the handshake`;
  return idle !== undefined && idle >= PAUSE ? `, after the ${other} had been silent for ${duration(idle)}` : '';
}

export function meaningOf(story: Unacknowledged, other: End, isLocal: boolean): string {
  const size = untriedSize(story);
  const tooLarge =
    size === undefined
      ? ''
      : `, being too large for the path, perhaps (no segment of ${size} bytes was ever acknowledged here)`;
  switch (story.class) {
    case 'recovered':
      return size === undefined
        ? `: likely an outage of the path or of the ${other}`
        : `: segments of ${size} bytes were too large for the path, most likely, as the first of ${story.transmissions.shortest} was answered`;
    case 'answers-lost':
      return ': the answers are likely lost on the way back';
    case 'not-acknowledged':
      return `: the data does not reach the ${other}${tooLarge}, or is dropped there`;
  }
  const { times, reconnected, moved } = story.elsewhere;
  if (moved !== undefined) {
    return `; the ${other} continues from port ${moved.port}: likely a NAT has lost the connection and assigned a new port`;
  }
  if (story.here.hasClosed) return '';
  if (isLocal) return '; both ends are one host: a stopped process or a local firewall';
  if (times === 0) return unheardMeaning(story, other, size);
  const accepts =
    reconnected === undefined ? '' : `${other === 'server' ? ' and' : ', and the server'} accepts a new one`;
  const elsewhere = `; the ${other} still sends on other connections${accepts}`;
  const lost = `a device on ${size === undefined ? 'the path' : 'it'} has lost this connection, or the ${other} ignores it`;
  return size === undefined
    ? `${elsewhere}: ${lost}`
    : `${elsewhere}, and no segment of ${size} bytes was ever acknowledged on this one: too large for the path, perhaps, or ${lost}`;
}

/** Only this pair of hosts is watched, and only from the second retransmission on (retransmission.ts). */
function unheardMeaning(story: Unacknowledged, other: End, size: number | undefined): string {
  const after = story.elsewhere.onlySince(story.transmissions.last.at);
  const tooLarge =
    size === undefined
      ? ''
      : `, or the path does not carry segments of ${size} bytes: none of that size was ever acknowledged here`;
  if (after === undefined) {
    const least = story.here.ignored === undefined ? 'nothing else' : 'only one packet';
    return (
      `; ${least} was heard from the ${other} to this ${otherEnd(other)} from the second retransmission on: ` +
      `the ${other} or the path between them may be down${tooLarge}`
    );
  }
  const accepts = story.elsewhere.reconnected === undefined ? '' : ', and the server accepts a new one';
  return (
    `; the ${other} was heard on other connections again only ${duration(after)} after the last of these${accepts}: ` +
    `an outage of the path or of the ${other} that was over by then, perhaps, or a device on the path has lost this ` +
    `connection${tooLarge}`
  );
}
