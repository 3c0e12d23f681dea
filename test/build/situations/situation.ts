/** One fixture: the name of its file, a line about what it shows, and its bytes. */
import type { Conversation } from '../conversation.ts';
import { together } from '../conversation.ts';
import type { Link } from '../links.ts';
import { frames, type Packet } from '../packet.ts';
import { type PcapOptions, pcap } from '../pcap.ts';

export interface Situation {
  file: string;
  about: string;
  make(): Uint8Array;
}

export const situation = (file: string, about: string, make: () => Uint8Array): Situation => ({ file, about, make });

/** Stories as one microsecond pcap of Ethernet frames, in time order. */
export const capture = (...stories: readonly (Conversation | readonly Packet[])[]): Uint8Array =>
  pcap(frames(together(...stories)));

/** A story with another link layer or in another variant of the format. */
export const captureOf = (story: Conversation, link?: Link, options?: PcapOptions): Uint8Array =>
  pcap(frames(story.packets, link), options);
