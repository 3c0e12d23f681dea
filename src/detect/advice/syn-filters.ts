/** Advice where it may be the SYN itself for which it gets no answer (unanswered-syn). */
import type { Row } from './advice.ts';
import { firewallRules, kernel, passiveRejected, twRecycle } from './checks.ts';
import { arrivals } from './handshake-checks.ts';

const synDiffers: Row = {
  meaning:
    'The SYNs of this address that got no answer differ from the answered ones in {differs}, and what drops SYNs for that, ' +
    'such as a firewall, explains it. A server with tcp_tw_recycle=1 drops just these SYNs as well, for their TSval. The ' +
    'packets do not tell which of the two it is.',
  checks: [arrivals, kernel, twRecycle, passiveRejected, firewallRules],
  askNext:
    'The firewall team where the SYNs do not arrive at the server; where they do, its owner: kernel version and ' +
    'tcp_tw_recycle.',
};

export const synFilters = { 'syn-differs': synDiffers };
