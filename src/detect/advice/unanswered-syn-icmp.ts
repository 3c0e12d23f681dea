/** Advice on attempts to which an ICMP error came, which quotes the SYN or the SYN-ACK. */
import type { Check, Row } from './advice.ts';
import { reverseRoute } from './handshake-checks.ts';

const SAYS =
  'An ICMP error came back that quotes the SYN: whoever sent it says that it could not or must not be delivered. ' +
  'Unreachable is a missing route, or a last hop that finds nobody there; prohibited is a firewall that rejects.';

const sender = (to: 'client' | 'server'): Check => ({
  where: 'the machine that sent the ICMP error (the evidence names it)',
  command: `ip route get {${to}}; ip neigh show {${to}}; nft list ruleset`,
  expect: 'No route, or FAILED for the neighbour: unreachable. A rule with reject: prohibited.',
});

const ofSyn = (then: string): Row => ({
  meaning: `${SAYS} ${then}`,
  checks: [
    sender('server'),
    {
      where: 'the client',
      command: "tcpdump -nvi any 'icmp or icmp6'",
      expect: 'What the errors say, who sends them, and what they quote.',
    },
  ],
  askNext: 'The owner of the machine that sent the ICMP error; then the owner of {server}: is it there?',
});

export const icmpAnswers = {
  icmp: ofSyn(
    'Linux gives up as soon as such an error reaches it, and a router sends it late if it first looks for a neighbour in ' +
      'vain. A client that goes on after it has not received it, or its system takes it for a hint only.',
  ),
  'icmp-ends-attempt': ofSyn('Linux gives up at once when such an error reaches it, and connect() fails with it.'),
  'icmp-of-syn-ack': {
    meaning:
      'The server did answer, and an ICMP error came back to it that quotes its SYN-ACK: whoever sent it says that the ' +
      'answer could not or must not be delivered. What is wrong lies on the way back to {client}.',
    checks: [sender('client'), reverseRoute],
    askNext: 'The owner of the machine that sent the ICMP error.',
  },
} as const satisfies Readonly<Record<string, Row>>;
