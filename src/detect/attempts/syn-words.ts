/** What the titles of unanswered-syn say of the causes (docs/rules.md D2.3). */

/** For titles: possible causes within one host. Packets show none of them. */
export const localWords = (othersAccepted: boolean): string =>
  'on loopback there is no path to lose it on: a full accept or SYN queue, a local firewall, or an answer that the ' +
  `capture missed${othersAccepted ? '; the server takes others on this port meanwhile' : ''}`;
