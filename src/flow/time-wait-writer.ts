/** Collects the TIME_WAIT intervals of a shard in columns (time-wait-rows.ts) until they are taken. */
import type { Nanos } from '../base/time.ts';
import { SCOPE_IPV6 } from '../capture/slab.ts';
import type { Hosts } from '../wire/hosts.ts';
import type { Flow } from './flow.ts';
import { layout } from './layout.ts';
import { showsBucket } from './time-wait.ts';
import {
  ENDINGS,
  type Ending,
  MAY_HOLD_ON,
  OWNER_IS_CLIENT,
  SHOWN,
  TIME_WAIT_CAPTURE_SHIFT,
  TIME_WAIT_TIMES,
  TIME_WAIT_WORDS,
  type TimeWaitRows,
} from './time-wait-rows.ts';

const { FlowBit } = layout;

const FIRST_CAPACITY = 256;

export class TimeWaitWriter {
  private readonly hosts: Hosts;
  private readonly timeWait: Nanos;
  private count = 0;
  private times = new Float64Array(FIRST_CAPACITY * TIME_WAIT_TIMES);
  private words = new Int32Array(FIRST_CAPACITY * TIME_WAIT_WORDS);

  constructor(hosts: Hosts, timeWait: Nanos) {
    this.hosts = hosts;
    this.timeWait = timeWait;
  }

  add(flow: Flow, ownerIsB: boolean, end: Nanos, ending: Ending, mayHoldOn: boolean): void {
    if ((this.count + 1) * TIME_WAIT_TIMES > this.times.length) this.grow();
    const { times, words } = this;
    const owner = flow.side(ownerIsB);
    const t = this.count * TIME_WAIT_TIMES;
    times[t] = owner.entered;
    // The second row of a TIME_WAIT that an RST did not end may begin later than its timer was started.
    times[t + 1] = Math.max(owner.timerStart, owner.entered);
    times[t + 2] = end;
    const at = this.count * TIME_WAIT_WORDS;
    const { scope } = flow;
    this.hosts.copyWords(flow.host(ownerIsB), scope, words, at);
    this.hosts.copyWords(flow.host(!ownerIsB), scope, words, at + 4);
    words[at + 8] = (flow.port(ownerIsB) << 16) | flow.port(!ownerIsB);
    const client = ownerIsB === flow.has(FlowBit.CLIENT_IS_B) ? OWNER_IS_CLIENT : 0;
    const ipv6 = (scope & SCOPE_IPV6) === 0 ? 0 : 1;
    const how = (ENDINGS.indexOf(ending) << 1) | (mayHoldOn ? MAY_HOLD_ON : 0);
    const shown = showsBucket(owner, flow.side(!ownerIsB)) ? SHOWN : 0;
    words[at + 9] = (flow.capture << TIME_WAIT_CAPTURE_SHIFT) | shown | client | how | ipv6;
    this.count++;
  }

  /** Number of rows that wait to be taken. */
  get size(): number {
    return this.count;
  }

  /**
   * Takes what has been collected; undefined if there is nothing. The columns are in shared memory, so that they can be
   * sent to another thread without a copy. A transferred buffer would be detached here. After the first detached buffer
   * V8 recompiles all code that reads typed arrays, and checks at each access whether the buffer is still attached.
   */
  take(): TimeWaitRows | undefined {
    const { count } = this;
    if (count === 0) return undefined;
    const times = new Float64Array(new SharedArrayBuffer(count * TIME_WAIT_TIMES * Float64Array.BYTES_PER_ELEMENT));
    const words = new Int32Array(new SharedArrayBuffer(count * TIME_WAIT_WORDS * Int32Array.BYTES_PER_ELEMENT));
    times.set(this.times.subarray(0, times.length));
    words.set(this.words.subarray(0, words.length));
    this.count = 0;
    return { count, times, words, timeWait: this.timeWait };
  }

  private grow(): void {
    const times = new Float64Array(this.times.length * 2);
    times.set(this.times);
    this.times = times;
    const words = new Int32Array(this.words.length * 2);
    words.set(this.words);
    this.words = words;
  }
}
