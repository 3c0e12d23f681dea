/** What revealed-setting says about a setting: its title and, for tcp_tw_reuse, the value in words. */

import { OR_SEVERAL, whoAnswers } from '../recycle/recycle-syns.ts';
import type { Found, Setting } from './known-settings.ts';

/** The ISN of tcp_tw_reuse is also that of a port that the application bound. Only the age tells them apart. */
export const TAKES_OVER = {
  late: { value: 'on, or a bound port', words: 'tcp_tw_reuse=1, or the application binds its port' },
  soon: {
    value: 'a bound port, or on with Linux 4.19 to 6.13 or a shorter tcp_tw_reuse_delay',
    words: 'too soon for most kernels, unless the application binds its port',
  },
};
/** Between loopback addresses it is also allowed by 2, the default from 4.19 on. */
export const ON_LOOPBACK: typeof TAKES_OVER = {
  late: {
    value: '2 (the default from Linux 4.19 on) or 1, or a bound port',
    words: 'tcp_tw_reuse allows it (1, or on loopback 2, the default), or the application binds its port',
  },
  soon: {
    value: 'a bound port, or 2 (the default) or 1 with Linux 4.19 to 6.13 or a shorter tcp_tw_reuse_delay',
    words:
      'too soon for most kernels, unless the application binds its port (on loopback tcp_tw_reuse=2, the default, allows it after a second)',
  },
};

/**
 * What is seen, and what it is a sign of, if that may be several things. A host may rule out all but one of them
 * (host-judges.ts).
 */
export const TITLES: Readonly<
  Record<Setting, (found: Found) => readonly [symptom: string, causes?: string | undefined]>
> = {
  tcp_rfc1337: () => [
    'The server keeps its TIME_WAIT in spite of an RST',
    'tcp_rfc1337=1, or the RST never reached it',
  ],
  tcp_tw_recycle: ({ mayBeSeveral, mayBeProxy }) =>
    mayBeSeveral !== true && mayBeProxy !== true
      ? ["What answers at the server's address does not apply tcp_tw_recycle: it accepts SYNs that the setting drops"]
      : [
          'SYNs that tcp_tw_recycle drops are accepted',
          `${whoAnswers(mayBeProxy === true)} does not apply it${mayBeSeveral === true ? OR_SEVERAL : ''}`,
        ],
  'time-wait': ({ value }) => [`The server keeps TIME_WAIT for more than ${value} s, where Linux has 60 s`],
  tcp_tw_reuse: ({ words }) => ['The client takes over its own TIME_WAITs', words],
  tcp_timestamps: () => [
    'The server declines the timestamps that the client offers',
    'its system has none, or has them off (on Linux tcp_timestamps=0), or a device in between strips them',
  ],
};
