/** `pawscope interfaces`: lists what can be captured on, and says what is missing if nothing can. */
import { isNoInterface, RIGHTS } from '../capture/live/live.ts';
import { type Device, native } from '../capture/native.ts';
import { columns } from '../report/columns.ts';
import { printable, printableJson } from '../report/printable.ts';
import { Exit } from './exit.ts';
import { mayCapture } from './live/privileges.ts';
import { say, writeOut } from './output.ts';

export interface InterfacesOptions {
  format: 'text' | 'json';
}

/** Flags of pcap_findalldevs(3): PCAP_IF_LOOPBACK, PCAP_IF_UP, PCAP_IF_RUNNING. */
const LOOPBACK = 1;
const UP = 2;
const RUNNING = 4;

export async function interfaces({ format }: InterfacesOptions): Promise<number> {
  const devices = native('listing interfaces')
    .interfaces()
    .filter(({ name }) => !isNoInterface(name));
  const rows = devices.map(device => ({ ...device, state: stateOf(device) }));
  if (format === 'json') {
    const plain = rows.map(({ name, state, addresses, description }) => ({ name, state, addresses, description }));
    await writeOut([`${printableJson({ schema_version: 1, interfaces: plain, may_capture: mayCapture() })}\n`]);
  } else {
    const cells = rows.map(({ name, state, addresses, description }) => [
      printable(name),
      state,
      [...addresses, ...(description === '' ? [] : [printable(description)])].join('  '),
    ]);
    await writeOut([`${columns([['interface', 'state', 'addresses'], ...cells], [], '').join('\n')}\n`]);
  }
  if (mayCapture()) return Exit.DONE;
  say([`capturing is not possible on any of them yet: ${RIGHTS}`]);
  return Exit.ERROR;
}

function stateOf({ flags }: Device): string {
  if ((flags & UP) === 0) return 'down';
  if ((flags & LOOPBACK) !== 0) return 'loopback';
  return (flags & RUNNING) === 0 ? 'no link' : 'up';
}
