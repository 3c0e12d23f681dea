/** Converts TIME_WAIT intervals to the typed columns in which they leave a shard. */
import { OWNER_IS_CLIENT, SHOWN, TIME_WAIT_WORDS, type TimeWaitRows } from '../../src/flow/time-wait-rows.ts';
import { addressBytes } from './bytes.ts';
import { timeWaits } from './store-sample.ts';

export interface Interval {
  owner: string;
  ownerPort: number;
  peer: string;
  peerPort: number;
  /** Whether the owner opened the connection. */
  client: boolean;
  /** Nanoseconds from the origin. */
  entered: number;
  end: number;
  /** Another host behind the owner's address may have ended it. */
  mayHoldOn?: boolean;
  /** It has shown itself. */
  shown?: boolean;
}

export function timeWaitRows(intervals: readonly Interval[]): TimeWaitRows {
  const rows = timeWaits(
    intervals.map(({ owner, ownerPort, peer, peerPort, entered, end, mayHoldOn = false }) => ({
      owner: addressWords(owner),
      peer: addressWords(peer),
      ownerPort,
      peerPort,
      times: [entered, entered, end],
      ending: mayHoldOn ? 'reuse' : 'timer',
      capture: 0,
      mayHoldOn,
    })),
  );
  for (const [i, { client, shown }] of intervals.entries()) {
    rows.words[i * TIME_WAIT_WORDS + 9] |= (client ? OWNER_IS_CLIENT : 0) | (shown ? SHOWN : 0);
  }
  return rows;
}

function addressWords(address: string): number[] {
  const view = new DataView(Uint8Array.from(addressBytes(address)).buffer);
  return Array.from({ length: view.byteLength / 4 }, (_, i) => view.getInt32(i * 4));
}
