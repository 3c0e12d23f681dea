/**
 * A BPF filter for captures that are read from files: compiled by libpcap for each link type that occurs, and run over
 * each batch of frames that a walker finds. A frame that does not match still has a frame number and is counted.
 */
import { PawscopeError } from '../base/errors.ts';
import { FILTERED, isSupported } from './link/link.ts';
import { deviceLinkType, type Native, native, type Program } from './native.ts';
import type { Frames } from './walker.ts';

export class PacketFilter {
  private readonly text: string;
  private readonly addon: Native;
  private readonly programs = new Map<number, Program>();
  private verdicts = new Uint8Array(0);

  /** Throws a PawscopeError if the addon or libpcap is missing. */
  constructor(text: string) {
    this.text = text;
    this.addon = native('a filter');
  }

  /** Throws a PawscopeError with libpcap's message when the filter is not valid for this link type. */
  compile(linkType: number): Program | undefined {
    if (!isSupported(linkType)) return undefined;
    const known = this.programs.get(linkType);
    if (known !== undefined) return known;
    try {
      const program = this.addon.compile(this.text, deviceLinkType(linkType));
      this.programs.set(linkType, program);
      return program;
    } catch (error) {
      throw new PawscopeError(`the filter "${this.text}" cannot be used: ${(error as Error).message}`);
    }
  }

  /** Sets the link type of the frames that do not match to FILTERED. */
  apply(bytes: Uint8Array, frames: Frames): void {
    const { count, linkType } = frames;
    if (this.verdicts.length < count) this.verdicts = new Uint8Array(linkType.length);
    const { verdicts } = this;
    // Nearly always one link type. With several, each program runs over all frames, and only the verdicts on frames of
    // its own link type are used.
    for (const type of new Set(linkType.subarray(0, count))) {
      const program = this.compile(type);
      if (program === undefined) continue;
      this.addon.match(program, bytes, frames.start, frames.end, frames.length, count, verdicts);
      for (let i = 0; i < count; i++) if (linkType[i] === type && verdicts[i] === 0) linkType[i] = FILTERED;
    }
  }
}
