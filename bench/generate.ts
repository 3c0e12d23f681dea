/** Makes captures for measuring: `npm run build && node dist/bench/generate.js --help`. */
import { parseArgs } from 'node:util';
import { reportOptionErrors } from './measure/arguments.ts';
import { pathOf } from './measure/captures.ts';
import { FORMATS, type Format } from './traffic/frames.ts';
import { generateFile } from './traffic/generate.ts';
import { MODES, PAYLOAD_MIXES, PROFILES, type Profile, type Traffic } from './traffic/traffic.ts';

const NUMBERS = [
  'packets',
  'connections',
  'clients',
  'servers',
  'rate',
  'snap-length',
  'resets',
  'reuses',
  'reuse-from',
  'reuse-to',
  'nat-addresses',
  'nat-clocks',
  'nat-share',
  'ipv6',
  'vlan',
  'seed',
] as const;

const HELP = `Usage: node dist/bench/generate.js [options] [FILE]

Writes a capture to FILE, or to bench/data/<profile>.pcap; - is standard output. The same options give the same bytes.

  --profile NAME     ${Object.keys(PROFILES).join(', ')} (default headers); what follows changes it
  --format FORMAT    ${FORMATS.join(', ')} (default pcap)
  --mode MODE        connections; flood: SYNs from random sources; concurrent: all connections open at once
  --packets N        --connections N   --clients N   --servers N   --rate PACKETS-PER-SECOND
  --payload MIX      ${PAYLOAD_MIXES.join(', ')}
  --snap-length N    96 or more
  --resets SHARE     connections closed by an RST; shares are of 1
  --reuses SHARE     connections on the tuple of one that closed
  --reuse-from SECONDS  --reuse-to SECONDS   before (default 0 to 60)
  --nat-addresses N  --nat-clocks N    hosts behind each   --nat-share SHARE of the connections
  --ipv6 SHARE       --vlan SHARE      of the clients
  --seed N           another capture of the same kind
`;

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h' },
      profile: { type: 'string', default: 'headers' },
      mode: { type: 'string' },
      payload: { type: 'string' },
      format: { type: 'string', default: 'pcap' },
      ...(Object.fromEntries(NUMBERS.map(name => [name, { type: 'string' }])) as {
        [name in (typeof NUMBERS)[number]]: { type: 'string' };
      }),
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  if (!Object.hasOwn(PROFILES, values.profile)) throw new RangeError(`there is no profile ${values.profile}`);
  const traffic: Traffic = { ...PROFILES[values.profile as Profile] };
  for (const name of NUMBERS) {
    const value = values[name];
    if (value === undefined) continue;
    if (!Number.isFinite(Number(value))) throw new RangeError(`--${name} takes a number, not ${value}`);
    const key = name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    Object.assign(traffic, { [key]: Number(value) });
  }
  Object.assign(traffic, pick('mode', values.mode, MODES));
  Object.assign(traffic, pick('payload', values.payload, PAYLOAD_MIXES));

  const { format } = pick('format', values.format, FORMATS) as { format: Format };
  const path = positionals[0] ?? pathOf(values.profile as Profile, format);
  const started = performance.now();
  const { packets, bytes } = generateFile(traffic, path, format);
  const seconds = (performance.now() - started) / 1000;
  process.stderr.write(`${path}: ${packets} packets, ${(bytes / 1e6).toFixed(0)} MB in ${seconds.toFixed(1)} s\n`);
}

function pick(name: string, value: string | undefined, known: readonly string[]): Record<string, string> {
  if (value === undefined) return {};
  if (!known.includes(value)) throw new RangeError(`--${name} is one of ${known.join(', ')}`);
  return { [name]: value };
}

await reportOptionErrors(main);
