/** Follows packets with an observer of the test's own: the tracker alone, without detectors. */
import { Reader } from '../../src/capture/reader.ts';
import { Slab } from '../../src/capture/slab.ts';
import type { Observer } from '../../src/flow/events.ts';
import { Tracker } from '../../src/flow/tracker.ts';
import { decode } from '../../src/wire/decode.ts';
import { Hosts } from '../../src/wire/hosts.ts';
import { Locator } from '../../src/wire/locate.ts';
import { frames, type Packet } from '../build/packet.ts';
import { pcap } from '../build/pcap.ts';

export async function observed(observer: Observer, packets: readonly Packet[]): Promise<void> {
  const bytes = pcap(frames(packets), { nanos: true });
  const reader = await Reader.open([{ name: 'observed.pcap', bytes }], new Locator());
  const hosts = new Hosts();
  const tracker = new Tracker(hosts, [observer], { maxFlows: 1024, timeWait: 60e9, flows: false });
  const slab = new Slab();
  for (let batch = await reader.fill(slab, 1); batch !== null; batch = await reader.fill(slab, 1)) {
    if (batch.stepped) tracker.step();
    for (let row = 0; row < batch.rows; row++) {
      if (decode(slab, row, batch.capture, hosts, tracker.segment)) tracker.take();
    }
  }
  tracker.finish(reader.last, () => {});
  tracker.judge(reader.last);
  reader.close();
}
