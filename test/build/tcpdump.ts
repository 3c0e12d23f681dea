/** tcpdump on the eth0 of a namespace. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Namespace, Scope } from './netns.ts';

/** TCP headers with all options, and the IP header and link layer before them. */
const HEADERS = 256;
/** KiB. At libpcap's 2 MiB a busy machine loses packets, of which the file says nothing. */
const BUFFER = 32_768;

/** Captures all TCP headers into `file` until `end` is called, which fails if packets were lost. */
export async function tcpdump(t: Scope, namespace: Namespace, file: string): Promise<{ end: () => Promise<void> }> {
  const limits = ['-s', String(HEADERS), '-B', String(BUFFER)];
  const words = ['-i', 'eth0', '-U', '--immediate-mode', ...limits, '-Z', 'root', '-w', file, 'tcp'];
  const child = namespace.spawn('tcpdump', words);
  t.after(() => child.kill('SIGKILL'));
  let told = '';
  child.stderr!.setEncoding('utf8').on('data', text => {
    told += text;
  });
  await once(child.stderr!, 'data');
  return {
    async end() {
      child.kill('SIGINT');
      await once(child, 'close');
      assert.match(told, /^0 packets dropped by kernel$/m);
    },
  };
}
