/** Advice on settings that packets reveal: where to check them, and what they mean for other findings. */
import type { RevealedSettingEvidence } from '../revealed-setting.ts';
import { type Check, type EvidenceIn, ruleAdvice } from './advice.ts';
import { twRecycle } from './checks.ts';

const sysctl = (where: string, name: string, expect: string): Check => ({
  where,
  command: `sysctl net.ipv4.${name}`,
  expect,
});

export const revealedSettingAdvice = ruleAdvice({
  doNot: 'Do not take it for a fault, and change nothing because of it alone.',
  choose: ({ setting, several_servers: several, syn_proxy: proxy }: EvidenceIn<'revealed-setting'>) =>
    setting === 'tcp_tw_recycle' && (several === true || proxy === true)
      ? several === true
        ? 'recycle-of-several'
        : 'recycle-behind-proxy'
      : (setting as Exclude<RevealedSettingEvidence['setting'], 'tcp_timestamps'>),
  rows: {
    tcp_rfc1337: {
      meaning:
        'An RST at the right number should end TIME_WAIT, but the server answered from it again. Clients that meet this ' +
        'TIME_WAIT cannot get in by resetting it: they wait until it ends.',
      checks: [sysctl('the server', 'tcp_rfc1337', '1: it is so. 0: the RST was lost behind the capture point.')],
      change: [
        {
          what: 'net.ipv4.tcp_rfc1337=0 on the server, the default.',
          risk: 'An RST that was delayed in the network can end a TIME_WAIT early (RFC 1337).',
        },
      ],
      askNext: 'The owner of the server.',
    },
    tcp_tw_recycle: {
      meaning:
        'SYNs that tcp_tw_recycle=1 drops were accepted at {server}, by the host that would remember, and the connection went ' +
        'on: other causes must be sought for unanswered ones. Of servers behind a balancer that ends connections it says nothing.',
      checks: [twRecycle],
      askNext: 'Nobody.',
    },
    'recycle-of-several': {
      meaning:
        'SYNs that tcp_tw_recycle=1 drops were accepted: what answers does not apply it. Or {server} stands for several servers, ' +
        'as the address of a balancer does: each remembers for itself, and the SYN came to one that had nothing to hold ' +
        'against it. No packet shows that it was the same one.',
      checks: [{ ...twRecycle, where: 'each server behind {server}' }],
      askNext: 'The owner of {server}: whether it is a balancer, and which servers are behind it.',
    },
    'recycle-behind-proxy': {
      meaning:
        'SYNs that tcp_tw_recycle=1 drops were accepted, but nothing of {server} followed that a SYN proxy before it would ' +
        'not send by itself: it may have answered for the server, which may drop them.',
      checks: [twRecycle],
      askNext: 'The owner of {server}: whether a firewall or a balancer before it answers SYNs.',
    },
    'time-wait': {
      meaning:
        'An answer out of TIME_WAIT came later than Linux keeps it: the server is another system, or its TIME_WAIT was ' +
        'started anew by packets that this capture lacks.',
      checks: [
        {
          where: 'the server, within two minutes of a close',
          command: "ss -tano state time-wait '( sport = :{server_port} )'",
          expect: 'The timer in the last column starts at 60 s on Linux.',
        },
      ],
      askNext: 'The owner of the server: which system answers on {server}.',
    },
    tcp_tw_reuse: {
      meaning:
        'The client opens connections on ports that it still holds in TIME_WAIT. Its port range is no limit then; the ' +
        "server's TIME_WAIT may still be.",
      checks: [
        sysctl('the client', 'tcp_tw_reuse', '1: it is so. 0: the application binds its port. 2: loopback only.'),
      ],
      askNext: 'The owner of the client application: whether it binds its port.',
    },
    rest: {
      meaning:
        'The server is a system without timestamps, or has them off, or a device strips the option. Without them PAWS protects ' +
        'neither end, tcp_tw_reuse has no effect, and TIME_WAIT tells new SYNs by their sequence number alone.',
      checks: [
        sysctl('the server, if it is Linux', 'tcp_timestamps', '0: off. 1: a device in between strips the option.'),
      ],
      change: [
        {
          what: 'If the server is Linux: net.ipv4.tcp_timestamps=1 there, the default.',
          risk: 'Twelve more bytes in each segment.',
        },
      ],
      askNext: 'The owner of the server, then of the balancer or firewall before it.',
    },
  },
});
