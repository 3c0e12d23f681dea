/** Recognises a socket of the client that aborts an open connection (docs/rules.md B4, D7). */
import type { ResetSeen } from '../../flow/events.ts';
import { layout } from '../../flow/layout.ts';
import { Timestamps } from '../../wire/tcp-options.ts';

const { FlowBit } = layout;

/**
 * The client aborts a connection of which the capture has the SYN. If the connection has timestamps, so has the RST of an
 * aborting socket on Linux. An RST without them may come from a device, and says nothing of what the client waited for.
 */
export const isClientAbort = ({ class: kind, from, flow, segment }: ResetSeen): boolean =>
  kind === 'abort' &&
  from === 'client' &&
  flow.has(FlowBit.CLIENT_KNOWN) &&
  !(flow.timestampsOn === true && segment.timestamps === Timestamps.ABSENT);

/** A device that resets in the name of an end knows no TSval of it: this RST is one of a socket. */
export const isFromSocket = ({ flow, segment }: ResetSeen): boolean =>
  flow.timestampsOn === true && segment.timestamps === Timestamps.PRESENT;
