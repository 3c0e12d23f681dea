/** Hosts with TSval clocks that connect to one server: all kinds of docs/rules.md B7, as samples, not packets. */
import { SECOND } from '../../src/base/time.ts';
import type { ClockSample } from '../../src/detect/clocks/clock-sample.ts';
import { Flag } from '../../src/wire/tcp.ts';

export type Offsets = 'none' | 'pair' | 'tuple' | 'socket';

export interface HostPlan {
  hz: number;
  offsets: Offsets;
  /** Mean time between connections, and mean length of each, in seconds. */
  pause: number;
  length: number;
  connections: number;
  /** When the host begins, in seconds after the start. */
  startsAt: number;
  rebootsAfter: number | undefined;
  /** Source ports: Linux's walk, random, or a few again and again. */
  ports: 'walk' | 'random' | 'few';
  ttl: number;
  options: number;
}

export interface PathPlan {
  /** Each packet is delayed by up to this, in seconds. */
  jitter: number;
  /** Every fifth is delayed by up to this many seconds more. */
  held?: number;
  /** Share of packets that are lost. */
  loss: number;
}

const SERVER_PORT = 443;
const FEW = 4;
const FLIGHT = 0.02;

/** A small generator of uniform numbers: one seed, one run (splitmix32). */
export function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** The values that a host chooses once per boot. */
class Boot {
  private readonly at: number;
  private readonly secret: number;
  private readonly base: number;

  constructor(at: number, next: () => number) {
    this.at = at;
    this.secret = Math.floor(next() * 2 ** 32);
    this.base = next() * 1e7;
  }

  tsval({ hz, offsets }: HostPlan, tuple: number, socket: number, t: number): number {
    const ticks = Math.floor((t - this.at + this.base) * hz);
    return (ticks + this.offset(offsets, tuple, socket)) | 0;
  }

  isn(tuple: number, t: number): number {
    return (generator(this.secret ^ tuple ^ 0x5bd1e995)() * 2 ** 32 + Math.floor((t * 1e9) / 64)) | 0;
  }

  private offset(offsets: Offsets, tuple: number, socket: number): number {
    const of = (key: number): number => Math.floor(generator(this.secret ^ key)() * 2 ** 32);
    return { none: () => 0, pair: () => of(1), tuple: () => of(tuple), socket: () => of(socket) }[offsets]();
  }
}

class Ports {
  private readonly plan: HostPlan['ports'];
  private readonly next: () => number;
  private last: number;
  private turn = 0;

  constructor(plan: HostPlan['ports'], next: () => number) {
    this.plan = plan;
    this.next = next;
    this.last = 32_768 + 2 * Math.floor(next() * 10_000);
  }

  take(): number {
    if (this.plan === 'random') return 1024 + Math.floor(this.next() * 64_000);
    if (this.plan === 'few') return 40_000 + 2 * (this.turn++ % FEW);
    this.last += 2 * (1 + Math.floor(this.next() * 16));
    if (this.last > 60_999) this.last -= 28_000;
    return this.last;
  }
}

/** The connections of a host, as samples in arbitrary order. */
export function samplesOf(plan: HostPlan, path: PathPlan, seed: number): ClockSample[] {
  const next = generator(seed);
  const ports = new Ports(plan.ports, next);
  const spread = (mean: number): number => -Math.log(1 - next()) * mean;
  const samples: ClockSample[] = [];
  let boot = new Boot(0, next);
  let t = plan.startsAt;
  for (let socket = 2; samples.length < plan.connections; socket++) {
    if (samples.length === plan.rebootsAfter) {
      // After all packets of the old boot have arrived.
      t = Math.max(t, ...samples.map(({ lastAt }) => lastAt / SECOND)) + 5 + spread(30);
      boot = new Boot(t, next);
      t += 5;
    }
    t += spread(plan.pause);
    const clientPort = ports.take();
    const tuple = clientPort * 65_536 + SERVER_PORT;
    let syn = t;
    // A lost SYN is retransmitted; the first one captured counts.
    for (let wait = 1; next() < path.loss; wait *= 2) syn += wait;
    const end = syn + spread(plan.length);
    const heldBack = (): number => (path.held !== undefined && next() < 0.2 ? next() * path.held : 0);
    const delayed = (at: number): number => Math.round((at + FLIGHT + next() * path.jitter + heldBack()) * SECOND);
    const at = delayed(syn);
    samples.push({
      at,
      tsval: boot.tsval(plan, tuple, socket, syn),
      lastAt: Math.max(at, delayed(end)),
      lastTsval: boot.tsval(plan, tuple, socket, end),
      clientPort,
      serverPort: SERVER_PORT,
      isn: boot.isn(tuple, syn),
      tsecr: 0,
      ttl: plan.ttl,
      mss: 1460,
      windowScale: 7,
      options: plan.options,
      flags: Flag.SYN,
      length: 0,
      capture: 0,
      frame: samples.length + 1,
    });
  }
  return samples;
}

/** Option kinds in the order of Linux (MSS, SACK permitted, timestamps, NOP, window scale), Windows and FreeBSD. */
export const LINUX_OPTIONS = 0x31842;
export const WINDOWS_OPTIONS = 0x84312;
