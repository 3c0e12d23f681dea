/** The sign of a socket that was connected to itself (docs/rules.md D3). */
import { isSelf } from '../../../flow/ends.ts';
import type { ResetSeen } from '../../../flow/events.ts';
import type { Sign } from './sign.ts';

/** There is no other end whose packets the capture may lack. */
export function toItself({ flow }: ResetSeen): Sign | undefined {
  if (!isSelf(flow)) return undefined;
  return {
    evidence: { self: true },
    meaning: {
      clause: 'A socket resets a connection to itself',
      why: 'nothing listened on the port, and connect() had likely chosen that very port as its own',
    },
  };
}
