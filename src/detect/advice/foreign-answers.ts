/** Advice where a SYN was answered by something that does not acknowledge it, and has no numbers of a connection before. */
import type { Check, Row } from './advice.ts';
import { bothSides, firewallRules, listener, route, socketOfTuple } from './checks.ts';

/** Whether it is the server itself. */
const whoAnswers: Check = {
  where: 'the server',
  command: "tcpdump -nvi any 'host {client} and tcp port {client_port}'",
  expect:
    'The SYN does not arrive, or the answer does not leave: something in front of the server answers for it. Compare the TTL of ' +
    'that answer with those of the later packets as well.',
};

const inFront = 'The team of what stands in front of {server}: firewall, balancer, protection from floods.';

export const foreignAck: Row = {
  meaning:
    'An ACK came back that does not acknowledge the SYN, and a client answers that by RST. Mostly an older connection of these ' +
    'ports sends it, in TIME_WAIT or still open, whose packets this capture lacks; but a device that protects the server from ' +
    'floods may send it too, to see who answers. The packets do not tell which.',
  checks: [socketOfTuple, whoAnswers, bothSides],
  askNext: `The owner of {client} or of the NAT in front of it: how soon ports are used again. ${inFront}`,
};

export const foreignSynAck: Row = {
  meaning:
    'The SYN-ACK that came back acknowledges another number than that of the SYN, and a client answers that by RST (RFC 9293 ' +
    '§3.10.7.3). No TIME_WAIT and no open connection sends a SYN-ACK. A device that protects the server from floods does, to ' +
    'let those pass that answer by RST; a SYN proxy may; or it answers another SYN, of an attempt that was given up or not ' +
    'captured. If each new client waits for a second like that, it is such a device.',
  checks: [whoAnswers, bothSides],
  askNext: inFront,
};

export const refusedAfterAck: Row = {
  meaning:
    'The first SYN met an older connection on its tuple and got its ACK; the client reset that and sent the SYN again, which was ' +
    'refused. So the older connection cost a detour and is no reason for the failure: nothing listens, or a firewall rejects. ' +
    'A TIME_WAIT answers by its ACK even a SYN that it would accept if no socket listens.',
  checks: [listener, firewallRules],
  askNext: 'The owner of the server; then the firewall team, if a listener is there.',
};

export const answerToUnknownAck: Row = {
  meaning:
    'The client reset because the ACK that answered its SYN does not acknowledge it (RFC 9293 §3.10.7.3). Who sent that is not ' +
    'proved: an older connection of these ports whose packets this capture lacks, or a device that tests clients. What it cost ' +
    'is told by unanswered-syn on the same tuple.',
  checks: [socketOfTuple, whoAnswers],
  askNext: 'Nobody for the RST itself; see unanswered-syn.',
};

export const answerToUnknownSynAck: Row = {
  meaning:
    'The client reset because the SYN-ACK that came back acknowledges another number than that of its SYN (RFC 9293 §3.10.7.3). ' +
    'No older connection sends a SYN-ACK: it is of a device that tests clients, of a SYN proxy, or the answer to another SYN. ' +
    'What it cost is told by unanswered-syn on the same tuple.',
  checks: [whoAnswers],
  askNext: 'Nobody for the RST itself; see unanswered-syn.',
};

export const unsolicitedSynAck: Row = {
  meaning:
    'A SYN-ACK came to a host, and this capture has no SYN of that host to its sender that it answers: the answer to a forged ' +
    'SYN (backscatter), or to a SYN that took another way, or an old duplicate. Or the SYN went to another address, and the ' +
    'server answers from a wrong one: it has several, or the way back leaves out the NAT or balancer in front of it. Then the ' +
    'SYN from the same port counts as unanswered. The host refused the SYN-ACK, as it should.',
  checks: [
    {
      where: 'the client',
      command: "tcpdump -ni any 'tcp src port {client_port} and tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn'",
      expect:
        'A SYN to another address, one below what the SYN-ACK acknowledges: the server answers from a wrong address.',
    },
    route,
  ],
  askNext:
    'If a SYN went to another address: the owner of the server or its NAT. If none was sent: nobody. Else: whoever captured.',
};

export const twoAnswers: Row = {
  meaning:
    'Two SYN-ACKs with different ISNs came for one SYN, and their TTL or window scale shows two senders. The client uses ' +
    'the first; the machine that sent the other, or gets what the client sends, knows no such connection and resets it. A ' +
    'balancer sends packets of one connection to two backends (a retransmitted SYN, a changed table, anycast), two hosts have ' +
    'one address, or a device on the way answers besides the server. The accept queue is not to blame.',
  checks: [
    {
      where: 'a host of the network of {server}',
      command: 'arping -b -c 3 -I INTERFACE {server}; ip neigh show {server}',
      expect: 'Answers from two link-layer addresses: two hosts have the address.',
    },
    whoAnswers,
  ],
  askNext: 'The load-balancer and network team in front of {server}: by what it chooses a backend for each packet.',
};
